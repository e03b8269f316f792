"""Row 31: no text from elsewhere reaches a terminal or a spreadsheet unescaped."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from aiocapdist._pb import capital_distribution_pb2, init_connect_pb2, keep_alive_pb2
from aiocapdist.cli.app import run
from aiocapdist.simulator import _tcp_codec
from aiocapdist.simulator._handlers import Reply

from ..cli.processes import simulator
from ..quota.redis.servers import Server, needs_redis
from .scale import figure

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="ledger files need flock")
FORMATS = ["table", "json", "jsonl", "csv"]

CONTROLS = (
    "\x1b]0;title\x07\x1b[31m\x1b[2J\x7f\x9b2J\x85\x90"  # C0, DEL and C1
    "\u202a\u202e\u2066\u2069\u200e\u061c"  # BIDI
    "\u200b\u200d\u2060\ufeff\u00ad\u034f\u115f\u3164\uffa0\u2800\ufe0f\U000e0100\U000e0041"
    "\u2028\u2029\x0b\x0c\r\t"  # line and page separators
)
FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\uff1d1",
    " =1",
    "=cmd|'/c x'!A",
]
FORMULA_STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let commands keep their quota files in the test's own folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def is_escaped(text: str) -> bool:
    """True if every character is drawn, and none is a control: by its Unicode category."""
    return not any(
        unicodedata.category(ch)[0] == "C"
        or (unicodedata.category(ch) in ("Zl", "Zp"))
        or ch in INVISIBLE
        or unicodedata.name(ch, "").startswith("VARIATION SELECTOR")
        for ch in text.replace("\n", "")
    )


# ---- Sources: each yields the arguments of a command that shows the hostile text


@contextmanager
def from_opend(handlers: dict[int, Callable[[bytes], Any]], *codes: str) -> Iterator[list[str]]:
    with simulator(answers=handlers) as opend:
        yield ["get", *(codes or ("HK.00700",)), "--address", f"127.0.0.1:{opend.port}"]


def figures(update_time: str) -> capital_distribution_pb2.Response:
    amounts = {
        f"capital{way}{size}": 1.0 for way in ("In", "Out") for size in ("Big", "Mid", "Small")
    }
    s2c = capital_distribution_pb2.S2C(updateTime=update_time, **amounts)
    return capital_distribution_pb2.Response(retType=0, retMsg="", s2c=s2c)


def update_time(folder: Path, text: str) -> Any:
    return from_opend({3212: lambda body: figures(text)})


def error_text(folder: Path, text: str) -> Any:
    reply = keep_alive_pb2.Response(retType=-1, retMsg=text)
    return from_opend({3212: lambda body: reply})


@contextmanager
def code_argument(folder: Path, text: str) -> Iterator[list[str]]:
    yield ["get", f"HK.{text}", text, "HK.00700", "--simulate"]


@contextmanager
def code_in_file(folder: Path, text: str) -> Iterator[list[str]]:
    path = folder / "codes"
    path.write_text(f"{text} HK.{text}\nHK.00700", "utf-8")
    yield ["get", f"@{path}", "--simulate"]


@contextmanager
def missing_file(folder: Path, text: str) -> Iterator[list[str]]:
    yield ["get", f"@{folder}/{text}", "--simulate"]


@contextmanager
def wrong_ledger(folder: Path, text: str) -> Iterator[list[str]]:
    path = folder / text.replace("/", "")
    path.write_text("not a ledger", "utf-8")
    with from_opend({}) as arguments:
        yield [*arguments, "--quota-file", str(path)]


@contextmanager
def ledger_path(folder: Path, text: str) -> Iterator[list[str]]:
    path = folder / text.replace("/", "")
    with from_opend({}) as arguments:
        with redirect_stdout(io.StringIO()):
            run([*arguments, "--quota-file", str(path)])
    yield ["quota", "--file", str(path)]


@contextmanager
def program_name(folder: Path, text: str) -> Iterator[list[str]]:
    path, program = folder / "ledger", folder / (text.replace("/", "") + ".py")
    with from_opend({}) as arguments:
        program.write_text(
            "import sys\nfrom aiocapdist.cli.app import run\n"
            "run(sys.argv[1:])\nprint('done', flush=True)\nsys.stdin.read()",
            "utf-8",
        )
        with subprocess.Popen(
            [sys.executable, program, *arguments, "--quota-file", path, "--format", "jsonl"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            while process.stdout.readline() != b"done\n":
                pass
            yield ["quota", "--file", str(path)]
            process.kill()


@contextmanager
def address(folder: Path, text: str) -> Iterator[list[str]]:
    yield ["get", "HK.00700", "--address", text]


@contextmanager
def host_name(folder: Path, text: str) -> Iterator[list[str]]:
    yield ["simulate", "--host", text, "--port", "0"]


@contextmanager
def option_name(folder: Path, text: str) -> Iterator[list[str]]:
    yield ["get", f"--{text}", "HK.00700"]


@contextmanager
def key_file(folder: Path, text: str) -> Iterator[list[str]]:
    path = folder / text.replace("/", "")
    path.write_text("no key", "utf-8")
    with from_opend({}) as arguments:
        yield [*arguments, "--rsa-key", str(path)]


@contextmanager
def handshake_error(folder: Path, text: str) -> Iterator[list[str]]:
    reply = init_connect_pb2.Response(retType=-1, retMsg=text).SerializeToString()
    with pytest.MonkeyPatch.context() as patch, from_opend({}) as arguments:
        patch.setattr(_tcp_codec.TcpCodec, "handle_handshake", lambda *a: Reply(reply, "refused"))
        yield arguments


@contextmanager
def redis_names(folder: Path, text: str) -> Iterator[list[str]]:
    import redis

    server = Server()
    server.start()
    try:
        client = redis.Redis(unix_socket_path=str(server.socket))
        run_id = client.info("server")["run_id"]
        lease = (client.time()[0] + 20) * 1000
        fields: Any = {
            "run": run_id,
            "terms": "limit=30, period=30.0, margin=0.05, lease=10.0",
            f"held:{text}.1": str(lease),
        }
        client.hset(f"aiocapdist:{text}", mapping=fields)
        client.close()
        yield ["quota", "--redis", server.url]
    finally:
        server.kill()


@contextmanager
def redis_key(folder: Path, text: str) -> Iterator[list[str]]:
    server = Server()
    server.start()
    try:
        yield ["quota", "--redis", server.url, "--key", text]
    finally:
        server.kill()


SOURCES = [
    update_time,
    error_text,
    code_argument,
    code_in_file,
    missing_file,
    wrong_ledger,
    ledger_path,
    program_name,
    address,
    host_name,
    option_name,
    key_file,
    handshake_error,
    pytest.param(redis_names, marks=needs_redis),
    pytest.param(redis_key, marks=needs_redis),
]


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("source", SOURCES)
def test_no_text_from_elsewhere_is_shown_unescaped(
    source: Any, kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hostile = f"a{CONTROLS}b<script>[red]"
    with source(tmp_path, hostile) as arguments:
        options = [] if arguments[0] == "simulate" else ["--format", kind]
        run([*arguments, *options])
    out, err = capfd.readouterr()
    assert out + err, "nothing was shown"
    unescaped = {ch for ch in out + err if not is_escaped(ch)}
    figure(31, source=source.__name__, format=kind, unescaped=len(unescaped))
    assert unescaped == set()


@pytest.mark.parametrize("text", [f"a{CONTROLS}", *FORMULAS])
def test_json_keeps_the_text_itself(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with update_time(tmp_path, text) as arguments:
        run([*arguments, "--format", "json"])
    out = capsys.readouterr().out
    assert json.loads(out)[0]["update_time"] == text
    assert is_escaped(out)


@pytest.mark.parametrize("text", FORMULAS)
@pytest.mark.parametrize("source", [update_time, ledger_path])
def test_no_cell_of_csv_is_a_formula(
    source: Any, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with source(tmp_path, text) as arguments:
        run([*arguments, "--format", "csv"])
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == 2
    formulas = [
        cell
        for cell in rows[1]
        if cell.lstrip()[:1] in tuple("=+-@\uff1d\uff0b\uff0d\uff20") and not number(cell)
    ]
    assert formulas == []


@pytest.mark.parametrize("text", ["-5", "+5", "-1.5e3"])
def test_a_number_in_csv_is_left_as_it_is(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with update_time(tmp_path, text) as arguments:
        run([*arguments, "--format", "csv"])
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["update_time"] == text


def number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.strip()[-1:].isdigit()
