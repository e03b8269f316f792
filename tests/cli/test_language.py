# ruff: noqa: RUF001 - Chinese punctuation
"""The command line in Chinese: by the environment or ``--language``, whole, and in its columns."""

from __future__ import annotations

import json
import os
import re
import string
import subprocess
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from aiocapdist.cli.app import run
from aiocapdist.cli.drawing import amount
from aiocapdist.cli.language import choose_language, language, take_option, tr, use_language
from aiocapdist.cli.wrapping import wrap
from aiocapdist.simulator import Fault, Faults

from .messages import catalogue, messages
from .processes import run_command, run_here, simulator
from .terminals import WIDTHS, needs_terminal, terminal

LANG = "zh_CN.UTF-8"
CHINESE = {"LANG": LANG}
TUESDAY = 1_732_590_000.0  # 2024-11-26, 11:00 in Hong Kong
CODES = ("HK.00700", "US.AAPL", "SH.600519", "SZ.000001")


def placeholders(text: str) -> list[tuple[str | None, str | None, str | None]]:
    """Return names, formats and conversions."""
    return sorted(part[1:] for part in string.Formatter().parse(text) if part[1] is not None)


# ---- The catalogue


def test_every_text_is_translated_and_no_translation_is_unused() -> None:
    wanted, found = messages(), set(catalogue())
    assert wanted - found == set()
    assert found - wanted == set()


def differing(marks: re.Pattern[str]) -> list[str]:
    """Return the texts whose translation has other marks."""

    def found(text: str) -> list[str]:
        return sorted(mark.strip() for mark in marks.findall(text))

    return [text for text, other in catalogue().items() if found(text) != found(other)]


def test_placeholders_stay() -> None:
    assert [
        text for text, other in catalogue().items() if placeholders(text) != placeholders(other)
    ] == []
    assert differing(re.compile(r"%[.0-9]*[sdfg]")) == []


def test_options_and_commands_stay() -> None:
    marks = r"--[a-z-]+|@\w+|aiocapdist [\w.@ -]+|[A-Z]+_[A-Z_]+|\w+\.(?:sqlite|png|svg)"
    assert differing(re.compile(marks)) == []


# ---- The choice


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_HK"}, "zh"),
        ({"LANG": "zh"}, "zh"),
        ({"LANG": "zh_TW.UTF-8@radical"}, "zh"),
        ({"LANG": "en_GB.UTF-8"}, "en"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh"),
        ({"LANG": "en_US.UTF-8", "LANGUAGE": "zh_CN:en"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "en"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LANGUAGE": "fr:zh"}, "zh"),
        ({"LANGUAGE": "zh"}, "zh"),
        ({"LANG": "C", "LANGUAGE": "zh"}, "en"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": "C.UTF-8", "LANGUAGE": "zh"}, "en"),
        ({"LANG": "POSIX"}, "en"),
    ],
)
def test_the_environment_names_the_language(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    choose_language(None)
    assert language() == expected
    choose_language("zh")
    assert language() == "zh"
    choose_language("en")
    assert language() == "en"


@pytest.mark.parametrize(
    ("arguments", "value", "others"),
    [
        ("get A", None, "get A"),
        ("get --language zh A", "zh", "get A"),
        ("--language=en get A", "en", "get A"),
        ("get --language zh --language en", "en", "get"),
        ("get --language", "", "get"),
        ("get -- --language zh", None, "get -- --language zh"),
        ("get --language fr", "fr", "get"),
    ],
)
def test_the_option_stands_anywhere(arguments: str, value: str | None, others: str) -> None:
    assert take_option(arguments.split()) == (value, others.split())


@pytest.mark.parametrize("command", ["get", "quota", "completion", "serve"])
def test_every_command_has_the_option(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help", "--language", "en"]) == 0
    assert "--language" in capsys.readouterr().out
    assert run([command, "--language", "fr"]) == 2
    assert re.search(r"fr.*zh.*en", capsys.readouterr().err)


def test_english_is_said_where_chinese_cannot_be_written() -> None:
    environment = {**os.environ, **CHINESE, "PYTHONIOENCODING": "ascii"}
    code, _, err = run_command("get", env=environment)
    assert (code, err[:26]) == (2, "aiocapdist: no codes given")


@pytest.mark.parametrize(("language", "count"), [("en", 0), ("zh", 1)])
def test_the_catalogue_is_read_in_chinese_alone(language: str, count: int) -> None:
    program = """
import sys
opened = []
sys.addaudithook(lambda event, arguments: event == "open" and opened.append(str(arguments[0])))
from aiocapdist.cli import main
try:
    main()
finally:
    print(sum("zh_CN" in name for name in opened))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, "get", "--language", language],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"{count}\n"


def test_the_simulated_opend_speaks_it_too() -> None:
    _, _, err = run_here("get", "HK.99999", "--simulate", LANG=LANG)
    assert "以上是模拟数据" in err
    assert "未知股票" in err


def test_reports_for_programs_are_english() -> None:
    with simulator(language="zh", quota=None, now=lambda: TUESDAY) as opend:
        address = f"127.0.0.1:{opend.port}"
        arguments = ("doctor", "--json", "--quota", "none", "--address", address)
        _, out, err = run_here(*arguments, LANG=LANG)
    assert (json.loads(out)["summary"][:9], err) == ("all works", "")  # but for the clock
    assert out.isascii()


# ---- What it says


@pytest.mark.parametrize("command", ["", "get", "record", "serve", "doctor", "simulate"])
def test_help_is_chinese(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help", "--language", "zh"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("用法：aiocapdist")
    assert "显示帮助并退出" in out if command == "" else "消息以及模拟" in out
    assert max(map(cell_len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (-9_994, "-9994"),
        (12_345, "+1.23万"),
        (-123_456, "-12.3万"),
        (90_271_640, "+9027万"),
        (99_960_000, "+1.00亿"),
        (-1_234_567_890, "-12.3亿"),
        (2.5e12, "+2.50万亿"),
    ],
)
def test_amounts_are_in_ten_thousands(value: float, text: str) -> None:
    use_language("zh")
    assert amount(value, sign=True) == text


@pytest.mark.parametrize("width", [20, 33, 60])
def test_lines_break_between_chinese_characters(width: int) -> None:
    text = "请检查行情权限（没有权限时是延迟的）；并用 --code 换一个成交活跃的代码，例如 HK.00700。"
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert max(map(cell_len, lines)) <= width
    assert min(map(cell_len, lines[:-1])) > width - 10
    assert not any(line.startswith(tuple("，；。）")) or line.endswith("（") for line in lines)


def test_lines_of_words_break_at_blanks() -> None:
    assert wrap("one two-three averyveryverylongword x", 9) == [
        "one",
        "two-three",
        "averyveryverylongword",
        "x",
    ]


def test_a_lost_connection_is_reported_in_chinese() -> None:
    faults = Faults(script=[None, Fault.CLOSE])
    with simulator(now=lambda: TUESDAY, quota=None, faults=faults) as opend:
        where = ("--address", f"127.0.0.1:{opend.port}", "--quota", "none")
        code, _, err = run_here("get", *CODES, *where, LANG=LANG)
    lost, again = err.splitlines()
    assert lost.startswith("aiocapdist: 与 OpenD 的连接断开：")
    assert (code, again) == (0, "aiocapdist: 已重新连接 OpenD")


# ---- In a terminal


@needs_terminal
@pytest.mark.parametrize("columns", [min(WIDTHS), max(WIDTHS)])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("get HK.00700 --simulate", ("单量", "流出", "特大单", "合计", "截至")),
        (f"get {' '.join(CODES)} --simulate", ("代码", "主力", "4 只证券")),
        ("flow HK.00700 --simulate --last 4", ("当日开盘以来的净额", "时间", "净额")),
        ("doctor --port 1", ("失败", "连接被拒绝", "建议：", "有问题：端口")),
        ("get --help", ("用法：", "选项", "退出码")),
    ],
)
def test_tables_fit_their_columns(arguments: str, words: tuple[str, ...], columns: int) -> None:
    with terminal(*arguments.split(), columns=columns, lines=200, LANG=LANG) as screen:
        screen.exit_code()
    written = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.written.decode())
    lines = [line for line in written.replace("\r", "").splitlines() if ".quota" not in line]
    tables = [line for line in lines if not line.startswith("aiocapdist: ")]
    assert max(map(cell_len, tables)) <= columns
    text = screen.text.replace("\n", "")
    assert [word for word in words if word not in text] == []


@needs_terminal
@pytest.mark.parametrize("columns", WIDTHS)
def test_columns_are_aligned(columns: int) -> None:
    with terminal("get", *CODES, "--simulate", columns=columns, LANG=LANG) as screen:
        assert screen.exit_code() == 0
    # A wide character is one of the text and takes two cells of the screen.
    start = next(i for i, line in enumerate(screen.lines) if line.startswith("代码"))
    head, rule, *rows = screen.lines[start : start + 6]
    assert cell_len(head) <= cell_len(rule)
    ends = {cell_len(row[: row.index("%") + 1]) for row in rows}
    assert ends == {cell_len(head[: head.index("主力") + 2])}


@needs_terminal
@pytest.mark.parametrize("columns", WIDTHS)
def test_a_quota_is_shown(columns: int) -> None:
    with simulator(now=lambda: TUESDAY) as opend:
        address = f"127.0.0.1:{opend.port}"
        run_here("get", "HK.00700", "--address", address)
        with terminal("quota", "--address", address, columns=columns, LANG=LANG) as screen:
            assert screen.exit_code() == 0
    text = "".join(screen.text.split())  # a long path may break a line anywhere
    assert [word for word in ("每30秒30次", "到期中1", "持有者") if word not in text] == []


@needs_terminal
def test_a_watch_speaks_until_ctrl_c() -> None:
    with simulator(now=lambda: TUESDAY, quota=None) as opend:
        address = f"127.0.0.1:{opend.port}"
        arguments = ("watch", "HK.00700", "--quota", "none", "--address", address)
        with terminal(*arguments, columns=60, LANG=LANG) as screen:
            screen.wait_for(lambda text: "主力净额" in text and "HK.00700" in text)
            assert "1 只证券，每 60 秒一次" in screen.text
            screen.press_ctrl_c()
            assert screen.exit_code() == 130
            assert "aiocapdist: 已中断" in screen.text


# ---- Figures


@pytest.mark.parametrize("has_font", [True, False])
def test_a_figure_is_chinese_if_there_is_a_font(
    has_font: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = pytest.importorskip("matplotlib.font_manager").fontManager
    from aiocapdist.cli import figure

    installed = {font.name for font in manager.ttflist} & set(figure.CHINESE_FONTS)
    if has_font and not installed:
        pytest.skip("no Chinese font is installed")
    if not has_font:
        others = [font for font in manager.ttflist if font.name not in figure.CHINESE_FONTS]
        monkeypatch.setattr(manager, "ttflist", others)
    path = tmp_path / "day.svg"
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    with simulator(now=lambda: TUESDAY, quota=None) as opend:
        address = f"127.0.0.1:{opend.port}"
        code = run(
            ["plot", "HK.00700", "--quota", "none", "--address", address, "--output", str(path)]
        )
    drawn = path.read_text("utf-8")
    assert (code, "特大单" in drawn, "super" in drawn) == (0, has_font, not has_font)
    assert language() == "zh"
    assert tr("interrupted") == "已中断"
