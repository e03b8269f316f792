"""Ctrl-C ends a blocking call, and its request with it. In processes of their own, with signals."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from ..embedding.opend_thread import OpendThread
from ..embedding.programs import run, tidy

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGALRM"), reason="a process interrupts itself by os.kill on POSIX only"
)

# Sends this process Ctrl-C as soon as a condition holds, from another thread.
HEAD = """
import os, signal, sys, threading, time
import aiocapdist
from aiocapdist import Quota, sync

port = int(sys.argv[1])

def interrupt_when(condition):
    def watch():
        while not condition():
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=watch).start()
"""

WAITING = {
    "call": "client.capital_distribution('HK.00005')",
    "sweep": "list(client.capital_distributions(['HK.00005', 'HK.00006']))",
    "collect": "client.capital_distributions(['HK.00005', 'HK.00006']).collect()",
    "watch": "list(client.watch(['HK.00005']))",
}
IN_LINE = """
with sync.connect(port=port, quota=Quota(1, 600.0)) as client:
    client.capital_distribution("HK.00700")
    interrupt_when(lambda: client.quota.waiting == 1)
    try:
        {call}
    except KeyboardInterrupt:
        print("interrupted")
    while client.quota.waiting:
        time.sleep(0.001)
    print(client.status.state, client.global_state().server_version)
"""


@pytest.mark.parametrize("kind", WAITING)
def test_a_call_that_waits_for_the_quota_leaves_the_line(
    kind: str, opend_thread: OpendThread, tmp_path: Path
) -> None:
    program = HEAD + IN_LINE.format(call=WAITING[kind])
    assert tidy(program, opend_thread.port, home=tmp_path) == "interrupted\nready 10.11\n"
    codes = [one.code for one in opend_thread.opend.requests if one.proto_id == 3212]
    assert codes == ["HK.00700"]


def test_an_interrupt_that_did_not_wake_the_thread_is_noticed(
    opend_thread: OpendThread, tmp_path: Path
) -> None:
    # Handled in the thread that raises it, as one is that comes just before the other waits.
    head = HEAD.replace("os.kill(os.getpid(), signal.SIGINT)", "signal.raise_signal(signal.SIGINT)")
    program = head + IN_LINE.format(call=WAITING["call"])
    assert tidy(program, opend_thread.port, home=tmp_path) == "interrupted\nready 10.11\n"


EVENTS = """
with sync.connect(port=port) as client:
    events = client.events()
    next(events)
    try:
        interrupt_when(lambda: True)
        next(events)
    except KeyboardInterrupt:
        print("interrupted")
    print(client.status.state)
"""


def test_a_listener_can_be_interrupted(opend_thread: OpendThread, tmp_path: Path) -> None:
    assert tidy(HEAD + EVENTS, opend_thread.port, home=tmp_path) == "interrupted\nready\n"


CONNECTING = """
before = threading.active_count()
interrupt_when(lambda: threading.active_count() > before + 1)
try:
    sync.connect(port=port)
except KeyboardInterrupt:
    print("interrupted", [one.name for one in threading.enumerate() if one.name == "aiocapdist"])
"""


def test_connecting_can_be_interrupted(silent_port: int, tmp_path: Path) -> None:
    assert tidy(HEAD + CONNECTING, silent_port, home=tmp_path) == "interrupted []\n"


def test_an_interrupt_that_nobody_catches_closes_the_client(
    opend_thread: OpendThread, tmp_path: Path
) -> None:
    program = HEAD + IN_LINE.format(call="client.capital_distribution('HK.00005')").replace(
        "except KeyboardInterrupt", "except ZeroDivisionError"
    )
    done = run(program, opend_thread.port, home=tmp_path)
    assert done.code == -signal.SIGINT
    assert done.err.splitlines()[-1] == "KeyboardInterrupt"
    assert "Exception ignored" not in done.err
    assert "During handling" not in done.err
