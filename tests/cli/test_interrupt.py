"""Ctrl-C and SIGTERM at every stage, told to a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

import pytest

from .processes import command, started
from .test_get import SIMULATED, UNKNOWN

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="tells signals as Unix does")
GOOD = [f"HK.{n:05d}" for n in range(1, 30)]
# The quota lets thirty go at once and answers come in order: the thirtieth's failure is
# the last thing that happens before half a minute of waiting.
SWEEP = [*GOOD, "HK.99999", "HK.00030", "HK.00031"]
STOPPED = f"aiocapdist: interrupted; 29 of 32 codes were answered\n{SIMULATED}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_in_the_middle_of_a_sweep_what_was_answered_is_a_valid_array(
    number: signal.Signals,
) -> None:
    with started("get", *SWEEP, "--simulate", "--format", "json") as process:
        assert process.stderr is not None
        begun, failed = process.stderr.readline(), process.stderr.readline()
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, err) == (130, STOPPED)
    assert begun == "aiocapdist: asking about 32 codes; by the quota this takes about 0:00:30\n"
    assert failed == f"aiocapdist: {UNKNOWN}\n"
    assert [record["code"] for record in json.loads(out)] == SWEEP[:30]


def test_while_still_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20.0)
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with started("get", "HK.00700", "--address", address, "--format", "json") as process:
            connection, _ = silent.accept()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate()
            connection.close()
    assert (process.returncode, out) == (130, "")
    assert err == "aiocapdist: interrupted; 0 of 1 codes were answered\n"


def test_while_reading_codes_from_the_keyboard() -> None:
    leader, follower = os.openpty()
    with started("get", "-", stdin=follower) as process:
        assert process.stderr is not None
        assert "end with Ctrl-D" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    os.close(leader)
    os.close(follower)
    assert (process.returncode, out, err) == (130, "", "aiocapdist: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_it_is_the_regular_end_of_a_simulator(number: signal.Signals) -> None:
    with started("simulate", "--port", "0") as process:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        process.send_signal(number)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (0, "", "")
    where = first.removeprefix("simulated OpenD on ").removesuffix("; Ctrl-C ends it\n")
    assert where.startswith("127.0.0.1:")
    assert second == f"try: aiocapdist get HK.00700 --address {where}\n"


def test_a_background_job_survives_the_ctrl_c_meant_for_another() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for `command &` in a script
    with started("simulate", "--port", "0") as process:
        assert process.stdout is not None
        where = process.stdout.readline().split()[3].rstrip(";")
        process.send_signal(signal.SIGINT)
        code, _, _ = command("get", "HK.00700", "--address", where)
        assert (code, process.poll()) == (0, None)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
