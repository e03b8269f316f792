"""pytest plugin: the fixture ``opend``, a simulated OpenD for each test.

::

    def test_mine(opend):                        # plain, pytest-asyncio, anyio or trio
        with aiocapdist.sync.connect() as client:
            ...

The simulator runs in a thread of its own, so that tests with any event loop, or none, can
talk to it. While a test uses it, ``aiocapdist.connect()`` without an address finds it: the
environment variables say so. Arguments of :class:`aiocapdist.simulator.Simulator` are given
by a marker, on a test, a class or a module; the nearest one wins::

    @pytest.mark.opend(quota=(5, 0.2), figures={"HK.00700": ...}, faults={Fault.DROP: 0.1})

``faults`` is a mapping of rates, a list (a script) or a ``Faults``, fresh for each test. Pytest
loads the plugin by itself where aiocapdist is installed; elsewhere ``-p aiocapdist.testing``.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from .simulator import Faults, LoggedRequest, Simulator

_OTHER_VARIABLES = (
    "AIOCAPDIST_REDIS",
    "AIOCAPDIST_RSA_KEY",
    "AIOCAPDIST_WEBSOCKET_KEY",
    "FUTU_OPEND_HOST",
    "FUTU_OPEND_PORT",
)


class OpenD:
    """A simulator in a thread of its own, as tests see it. What they call here blocks."""

    def __init__(self, simulator: Simulator, portal: BlockingPortal) -> None:
        self._simulator = simulator
        self._portal = portal
        self.host: str = simulator.host
        self.port: int = simulator.port
        self.websocket_port: int = simulator.websocket_port
        """Port of the WebSocket listener; 0 unless the marker says ``websocket=True``."""

    def __repr__(self) -> str:
        return f"<OpenD at {self.address}>"

    @property
    def address(self) -> str:
        """What ``connect()`` takes, such as ``tcp://127.0.0.1:50123``."""
        return f"tcp://{self.host}:{self.port}"

    @property
    def requests(self) -> list[LoggedRequest]:
        """The requests so far, handshakes and keep-alives included."""
        return list(self._simulator.requests)

    @property
    def codes(self) -> list[str]:
        """The securities whose capital distribution was asked for so far, in order."""
        return [each.code for each in self.requests if each.proto_id == 3212 and each.code]

    @property
    def connections(self) -> int:
        """Number of clients connected."""
        return self._simulator.connections

    @property
    def largest_window(self) -> int:
        """Largest number of 3212 requests accepted in any closed window so far."""
        return self._simulator.largest_window

    def disconnect_all(self) -> None:
        """Close all connections. Clients can connect again at once."""
        self._portal.call(self._simulator.disconnect_all)

    def push(self, proto_id: int, body: bytes) -> None:
        """Send a message that is no reply to every client that completed its handshake."""
        self._portal.call(self._simulator.push, proto_id, body)

    def go_away(self) -> None:
        """Close all connections and refuse new ones, as OpenD does when it is stopped."""
        self._portal.call(self._simulator.go_away)

    def come_back(self) -> None:
        """Listen again, at the same ports. The rate limit's count is kept."""
        self._portal.call(self._simulator.come_back)


@pytest.fixture
def opend(request: pytest.FixtureRequest) -> Iterator[OpenD]:
    """A simulated OpenD, fresh for this test; see ``aiocapdist.testing``."""
    options: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("opend"))):
        if marker.args:
            raise pytest.UsageError("pytest.mark.opend takes arguments of Simulator by name")
        options |= marker.kwargs
    with _running(options) as running, pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIOCAPDIST_ADDRESS", running.address)
        for name in _OTHER_VARIABLES:
            environment.delenv(name, raising=False)
        yield running


@contextmanager
def _running(options: dict[str, Any]) -> Iterator[OpenD]:
    from anyio.from_thread import start_blocking_portal

    from .quota._core.defaults import forget_default_quota
    from .simulator import Simulator

    if "faults" in options:
        options["faults"] = _fresh_faults(options["faults"])
    simulator = Simulator(**options)
    with (
        start_blocking_portal("asyncio", name="opend") as portal,
        portal.wrap_async_context_manager(simulator),
    ):
        # An earlier test's OpenD may have had the same port.
        forget_default_quota(f"{simulator.host}:{simulator.port}")
        yield OpenD(simulator, portal)


def _fresh_faults(given: Any) -> Faults:
    """Return faults that nothing has been drawn of yet: a marker is made once for many tests."""
    from .simulator import Faults

    if isinstance(given, Faults):
        return copy.deepcopy(given)
    return Faults(given) if isinstance(given, Mapping) else Faults(script=given)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "opend(**options): arguments of the Simulator behind the fixture opend"
    )


def _leave_the_package_as_it_is() -> None:
    """Undo that pytest rewrites the asserts of a whole distribution that has a plugin.

    It would double the time of the first import. Nothing happens if pytest changes inside.
    """
    for finder in sys.meta_path:
        marked = getattr(finder, "_must_rewrite", None)
        known = getattr(finder, "_marked_for_rewrite_cache", None)
        if isinstance(marked, set) and isinstance(known, dict):
            marked.discard("aiocapdist")
            known.clear()


_leave_the_package_as_it_is()
