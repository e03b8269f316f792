"""What a shell completes with the script of ``completion``: asked of the shells themselves."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from aiocapdist.cli.app import run

from .terminals import needs_terminal, terminal

COMPLETED = {
    "g": ["get"],
    "get --qu": ["--quota", "--quota-file", "--quota-key", "--quota-redis"],
    "get --format js": ["json", "jsonl"],
    "w": ["watch"],
    "record --ex": ["--export"],
    "record --format p": ["parquet"],
    "flow --period m": ["month"],
    "plot --colors c": ["cn"],
    "simulate --re": ["--replay"],
}


def script_for(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the script; skip the test where there is no such shell."""
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert run(["completion", shell]) == 0
    return capsys.readouterr().out


def output_of(shell: str, *arguments: str) -> str:
    done = subprocess.run([shell, *arguments], capture_output=True, encoding="utf-8", check=True)
    assert done.stderr == ""
    return done.stdout


def test_bash(capsys: pytest.CaptureFixture[str]) -> None:
    program = script_for("bash", capsys)
    for line in COMPLETED:
        words = ["aiocapdist", *line.split()]
        program += f"""
COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; COMP_LINE="{" ".join(words)}"
COMP_POINT=${{#COMP_LINE}}
_aiocapdist aiocapdist '{words[-1]}' '{words[-2]}'
echo "${{COMPREPLY[*]}}"
"""
    found = [sorted(line.split()) for line in output_of("bash", "-c", program).splitlines()]
    assert dict(zip(COMPLETED, found, strict=True)) == COMPLETED


def test_fish(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = script_for("fish", capsys)
    for line in COMPLETED:
        program += f"\necho (complete -C 'aiocapdist {line}' | string replace -r '\\t.*' '')"
    out = output_of("fish", "--no-config", "--command", program)
    found = [line.split() for line in out.splitlines()]
    assert dict(zip(COMPLETED, found, strict=True)) == COMPLETED


def completions(screen: str) -> list[str]:
    """Return what zsh lists below its prompt, or the only completion, which it has typed."""
    prompt, *listed = screen.strip().splitlines()
    return " ".join(listed).split() or prompt.split()[-1:]


@needs_terminal
@pytest.mark.parametrize("name", ["_aiocapdist", "_cyclopts_aiocapdist", None])
def test_zsh(name: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As a file of ``fpath``, of the usual name and of the parser's, and by ``eval``."""
    script = script_for("zsh", capsys)
    settings = "PS1='> '\nzstyle ':completion:*' verbose no\nunsetopt list_ambiguous beep\n"
    if name is None:
        settings += script
    else:
        (tmp_path / name).write_text(script)
        settings = f"fpath=({tmp_path} $fpath)\nautoload -Uz compinit\ncompinit -u -D\n{settings}"
    (tmp_path / ".zshrc").write_text(settings)
    with terminal(command=["zsh", "-i"], columns=100, ZDOTDIR=str(tmp_path)) as screen:
        for line, expected in COMPLETED.items():
            screen.wait_for(lambda text: text.strip() == ">")
            screen.type(f"aiocapdist {line}\t")
            screen.wait_for(lambda text: completions(text) == expected)  # noqa: B023 - called here
            screen.type("\x15\x0c")  # an empty line, on an empty screen
