"""Wrong usage, help, version, and the missing extra."""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from aiocapdist.cli.app import run
from aiocapdist.cli.help import HELP

from .processes import run_command


def usage_error(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    """Return the one line on standard error of a command that prints no answer."""
    assert run(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("aiocapdist: ")
    assert err.count("\n") == 1
    return err.removeprefix("aiocapdist: ").rstrip("\n")


def test_wrong_usage_has_exit_code_2_and_one_line() -> None:
    code, out, err = run_command("get")
    assert (code, out) == (2, "")
    assert err == "aiocapdist: no codes given; try: aiocapdist get HK.00700 --simulate\n"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("get HK.00001 --nope", "--nope … See: aiocapdist get --help"),
        ("get HK.00001 --frmat csv", "--frmat … --format"),
        ("nope", 'Unknown command "nope"'),
        ("HK.00700", 'Unknown command "HK.00700" … Try: aiocapdist get HK.00700'),
        ("watch HK.00001 --every inf", "inf … --every"),
        ("record HK.00001 --every 1e999 --output a", "inf … --every"),
        ("get HK.00001 --format xml", "xml … table … jsonl"),
        ("get HK.00001 --address", "--address"),
        ("get HK.00001 --address http://host", "invalid address 'http://host': unknown scheme"),
        ("get HK.00001 --address host:http", "invalid address 'host:http'"),
        ("get HK.00001 --address host:0", "port must be an integer from 1 to 65535, not 0"),
        ("get HK.00001 --simulate --address host", "leave out either it or --address"),
        ("get @nowhere.txt", "cannot read codes from 'nowhere.txt': No such file"),
        ("simulate --port 65536", "65536 … --port … <= 65535"),
        ("simulate --port x", 'unable to convert "x" into int'),
        ("simulate --latency -1", "-1.0 … --latency … >= 0"),
        ("simulate --latency nan", "nan"),
        ("simulate --language fr", "fr … zh … en"),
        ("simulate --quota 30", "a rate limit is calls/seconds such as 30/30, or none, not '30'"),
        ("simulate --quota 0/30", "such as 30/30"),
        ("simulate --quota 30/0", "such as 30/30"),
        ("simulate --quota 30/inf", "such as 30/30"),
        ("simulate now", "now"),
    ],
)
def test_wrong_usage_is_reported(
    capsys: pytest.CaptureFixture[str], arguments: str, text: str
) -> None:
    # The parser's own texts differ between its versions: parts of them, with … between.
    pattern = re.escape(text).replace("\\ …\\ ", ".*")
    assert re.search(pattern, usage_error(capsys, *arguments.split()))


def test_a_binary_file_is_reported(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "codes.xls"
    path.write_bytes(b"\xd0\xcf\x11\xe0")
    assert usage_error(capsys, "get", f"@{path}").endswith("codes.xls': it is not UTF-8 text")


def test_a_file_without_codes_is_reported(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "codes.txt"
    path.write_text("# none yet\n", "utf-8")
    for command in (("get",), ("plot", "--recording", "a.sqlite", "--output", "a.png")):
        error = usage_error(capsys, *command, f"@{path}")
        assert error == f"cannot read codes from '{path}': there are none"


def test_standard_input_without_codes_is_reported(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    assert (
        usage_error(capsys, "get", "-") == "cannot read codes from standard input: there are none"
    )


def test_a_port_in_use_is_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = usage_error(capsys, "simulate", "--port", str(port), code=3)
    assert text.startswith(f"cannot listen on 127.0.0.1:{port}: ")
    assert text.endswith("; try --port 0")


def test_an_address_of_another_machine_is_exit_code_3(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = usage_error(capsys, "simulate", "--host", "2001:db8::1", "--port", "11111", code=3)
    assert text.startswith("cannot listen on [2001:db8::1]:11111: ")
    assert "try" not in text


@pytest.mark.parametrize("name", ["nothing.invalid", "a..b"])
def test_a_name_that_is_no_host_is_exit_code_3(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIOCAPDIST_TOKEN", "0123456789abcdef")
    for command in (("simulate",), ("serve", "HK.00700", "--simulate", "--allow-host", "a.b")):
        text = usage_error(capsys, *command, "--host", name, "--port", "11111", code=3)
        assert text == f"cannot listen on {name}:11111: it is not the name of a host"


@pytest.mark.parametrize("arguments", ["--help", "get --help", "simulate -h", ""])
def test_help_is_printed_with_exit_code_0(
    capsys: pytest.CaptureFixture[str], arguments: str
) -> None:
    assert run(arguments.split()) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: aiocapdist")
    assert err == ""


def test_the_installed_command_prints_its_version() -> None:
    script = Path(sys.executable).with_name("aiocapdist")
    done = subprocess.run(
        [script, "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, version("aiocapdist"))


@pytest.mark.parametrize("missing", ["cyclopts", "rich"])
def test_without_the_extra_it_says_what_to_install(missing: str) -> None:
    program = f"""
import sys
sys.modules[{missing!r}] = None
from aiocapdist.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "aiocapdist: the command line needs two more packages: pip install 'aiocapdist[cli]'\n"
    )


def test_another_missing_package_is_an_internal_error() -> None:
    program = "import sys; sys.modules['pydantic'] = None; import aiocapdist.cli as c; c.main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "get", "HK.00001"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "pydantic" in done.stderr
    assert "aiocapdist[cli]" not in done.stderr


def test_help_and_version_do_not_load_the_client() -> None:
    """Nor does any before it in the same process."""
    asked = ["--version", "--help", *(f"{command} --help" for command in sorted(HELP))]
    program = """
import sys
before = set(sys.modules)  # what the environment loads into every program
from aiocapdist.cli import _run
for arguments in sys.argv[1:]:
    code = _run(arguments.split())
    heavy = {"anyio", "asyncio", "pydantic", "google"} & set(sys.modules) - before
    print(f"{code} by {arguments}:", *sorted(heavy), file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, *asked],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stderr.splitlines() == [f"0 by {arguments}:" for arguments in asked]
