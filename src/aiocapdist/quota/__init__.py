"""Quotas: how many requests the account may make, and who goes next."""

from .local import Quota

__all__ = ["Quota"]
