"""The states of a session and the transitions between them.

::

    IDLE ──STARTED──▶ HANDSHAKE ──HANDSHAKE_COMPLETED──▶ READY
      │                   │                                │
      └──────CLOSED───────┴─────────────CLOSED─────────────┴──▶ CLOSED

Every change of ``Session.state`` goes through :func:`next_state`.
"""

from __future__ import annotations

from enum import Enum, auto


class State(Enum):
    """Where a session stands."""

    IDLE = auto()
    HANDSHAKE = auto()
    READY = auto()
    CLOSED = auto()


class Trigger(Enum):
    """What moves a session to another state."""

    STARTED = auto()
    HANDSHAKE_COMPLETED = auto()
    CLOSED = auto()


TRANSITIONS: dict[State, dict[Trigger, State]] = {
    State.IDLE: {Trigger.STARTED: State.HANDSHAKE, Trigger.CLOSED: State.CLOSED},
    State.HANDSHAKE: {Trigger.HANDSHAKE_COMPLETED: State.READY, Trigger.CLOSED: State.CLOSED},
    State.READY: {Trigger.CLOSED: State.CLOSED},
    State.CLOSED: {},
}


class InvalidTransition(RuntimeError):
    """Raised on a trigger that the state has no transition for: a bug of the caller."""

    def __init__(self, state: State, trigger: Trigger) -> None:
        super().__init__(f"a session in state {state.name} cannot handle {trigger.name}")
        self.state = state
        self.trigger = trigger


def next_state(state: State, trigger: Trigger) -> State:
    """Return the state that follows. Raises InvalidTransition."""
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise InvalidTransition(state, trigger) from None
