"""A transport's other side in tests: what it received, and what it may fetch to send."""

from __future__ import annotations

from aiocapdist._transports.base import Transport


class Carried:
    """Stands where a connection would: hands out each message once, keeps what comes."""

    def __init__(self, transport: Transport) -> None:
        self.received = b""
        self.fetches: list[list[bytes]] = []
        self._outgoing: list[bytes] = []
        self._transport = transport

    def begin(self) -> None:
        """As a connection does: attach, then have sent what there is."""
        self._transport.attach(self._receive, self._source)
        self._transport.wake_writer()

    async def run(self) -> Exception | None:
        return await self._transport.run(self.begin)

    def _receive(self, data: bytes) -> None:
        self.received += data

    def _source(self) -> list[bytes]:
        data, self._outgoing = self._outgoing, []
        if data:
            self.fetches.append(data)
        return data

    @property
    def fetched(self) -> list[bytes]:
        """Every message that was fetched so far."""
        return [message for fetch in self.fetches for message in fetch]

    @property
    def waiting(self) -> list[bytes]:
        """What was not fetched: it has certainly not been sent."""
        return self._outgoing

    def send(self, *messages: bytes, at_once: bool = False) -> None:
        self._outgoing += messages
        self._transport.wake_writer(at_once)


class Faulty(Carried):
    """One with a fault of its own: in ``begin``, or in taking what comes."""

    def __init__(self, transport: Transport, *, begins: bool) -> None:
        super().__init__(transport)
        self._begins = begins

    def begin(self) -> None:
        if not self._begins:
            raise ZeroDivisionError
        super().begin()

    def _receive(self, data: bytes) -> None:
        raise ZeroDivisionError


def leaves(error: BaseException) -> list[type[BaseException]]:
    """The kinds of error in it, whatever groups they come in."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves(each)]
    return [type(error)]
