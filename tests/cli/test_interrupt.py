"""Ctrl-C and SIGTERM at every stage, sent to a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

import pytest

from .processes import run_command, start_command
from .test_get import SIMULATED, UNKNOWN

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
GOOD = [f"HK.{n:05d}" for n in range(1, 30)]
# Thirty are sent at once and answered in order: the failure of the thirtieth is the last
# event before half a minute of waiting for the quota.
SWEEP = [*GOOD, "HK.99999", "HK.00030", "HK.00031"]
STOPPED = f"aiocapdist: interrupted; 29 of 32 codes were answered\n{SIMULATED}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_in_a_sweep_the_answers_so_far_are_a_valid_array(
    number: signal.Signals,
) -> None:
    with start_command("get", *SWEEP, "--simulate", "--format", "json") as process:
        assert process.stderr is not None
        begun, failed = process.stderr.readline(), process.stderr.readline()
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, err) == (130, STOPPED)
    assert begun == "aiocapdist: asking about 32 codes; by the quota this takes about 0:00:30\n"
    assert failed == f"aiocapdist: {UNKNOWN}\n"
    assert [record["code"] for record in json.loads(out)] == SWEEP[:30]


def test_interrupted_while_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20.0)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with start_command("get", "HK.00700", "--address", address, "--format", "json") as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
            connection.close()
    assert (process.returncode, out) == (130, "")
    assert err == "aiocapdist: interrupted; 0 of 1 codes were answered\n"


def test_interrupted_while_reading_codes_from_the_keyboard() -> None:
    leader, follower = os.openpty()
    with start_command("get", "-", stdin=follower) as process:
        assert process.stderr is not None
        assert "end with Ctrl-D" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    os.close(leader)
    os.close(follower)
    assert (process.returncode, out, err) == (130, "", "aiocapdist: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_ends_a_simulator_with_exit_code_0(number: signal.Signals) -> None:
    with start_command("simulate", "--port", "0") as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "", "")
    where = first.removeprefix("simulated OpenD on ").removesuffix("; Ctrl-C ends it\n")
    assert where.startswith("127.0.0.1:")
    assert second == f"try: aiocapdist get HK.00700 --address {where}\n"


def test_an_ignored_ctrl_c_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for `command &` in a script
    with start_command("simulate", "--port", "0") as process:
        assert process.stdout is not None
        where = process.stdout.readline().split()[3].rstrip(";")
        process.send_signal(signal.SIGINT)
        code, _, _ = run_command("get", "HK.00700", "--address", where)
        assert (code, process.poll()) == (0, None)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
