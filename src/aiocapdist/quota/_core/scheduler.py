from .quota import Quota as Scheduler

__all__ = ["Scheduler"]
