"""The connection's side of a transport in tests: what it received, and what it has to send."""

from __future__ import annotations

from aiocapdist._transports.base import Transport


class Carried:
    """Takes the place of a connection: hands out each message once, keeps what it receives."""

    def __init__(self, transport: Transport) -> None:
        self.received = b""
        self.fetches: list[list[bytes]] = []
        self._outgoing: list[bytes] = []
        self._transport = transport

    async def run(self) -> Exception | None:
        return await self._transport.run(self._receive, self._data_to_send)

    def _receive(self, received: list[bytes]) -> None:
        self.received += b"".join(received)

    def _data_to_send(self) -> list[bytes]:
        data, self._outgoing = self._outgoing, []
        if data:
            self.fetches.append(data)
        return data

    @property
    def fetched(self) -> list[bytes]:
        """All messages that were fetched so far."""
        return [message for fetch in self.fetches for message in fetch]

    @property
    def waiting(self) -> list[bytes]:
        """The messages that were not fetched: these were certainly not sent."""
        return self._outgoing

    def send(self, *messages: bytes, immediately: bool = False) -> None:
        self._outgoing += messages
        self._transport.schedule_write(immediately)


class Faulty(Carried):
    """Raises ZeroDivisionError from one of its callbacks."""

    def __init__(self, transport: Transport, *, receives: bool) -> None:
        super().__init__(transport)
        self._receives = receives

    def _receive(self, received: list[bytes]) -> None:
        if self._receives:
            raise ZeroDivisionError

    def _data_to_send(self) -> list[bytes]:
        if not self._receives:
            raise ZeroDivisionError
        return []


def leaves(error: BaseException) -> list[type[BaseException]]:
    """Return the types of the errors in a group, however nested; or that of a single one."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves(each)]
    return [type(error)]
