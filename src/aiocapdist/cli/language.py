"""Language of messages: English, as they stand in the sources, or Chinese from a catalogue."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

Language: TypeAlias = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
OPTION = "--language"
_LOCALES = ("LC_ALL", "LC_MESSAGES", "LANG")
_CATALOGUE = "locale/zh_CN.json"


class _Chosen:
    """The language in use."""

    language: Language = "en"
    given: Language | None = None
    catalogue: Mapping[str, str] = {}


def choose_language(option: str | None) -> None:
    """Choose the language that the option names, else the one of the environment.

    It is English if standard output or error cannot encode Chinese. A value that the option
    cannot have counts as none: the parser rejects it.
    """
    _Chosen.given = next((known for known in LANGUAGES if known == option), None)
    use_language((_Chosen.given or _of_environment()) if _can_encode_chinese() else "en")


def take_option(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Return the value of ``--language``, None if it is not given, and the other arguments."""
    value: str | None = None
    others: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            return value, [*others, argument, *rest]
        if argument == OPTION:
            value = next(rest, "")
        elif argument.startswith(f"{OPTION}="):
            value = argument.partition("=")[2]
        else:
            others.append(argument)
    return value, others


def use_language(language: Language) -> None:
    """Use this language from now on."""
    if language == _Chosen.language:
        return
    _Chosen.language = language
    _Chosen.catalogue = _load() if language == "zh" else {}


def language() -> Language:
    """Return the language in use."""
    return _Chosen.language


def given_language() -> Language | None:
    """Return the language that ``--language`` names; None without the option."""
    return _Chosen.given


def tr(text: str, /, **values: object) -> str:
    """Return the text in the language in use, with the values in its placeholders."""
    found = _Chosen.catalogue.get(text, text)
    return found.format(**values) if values else found


def tr_count(count: int, one: str, many: str) -> str:
    """Return the text for a number of things, in the language in use."""
    return tr(one if count == 1 else many, count=count)


def mark(text: str) -> str:
    """Return the text unchanged: :func:`tr` translates it where it is shown."""
    return text


def _load() -> Mapping[str, str]:
    import json
    from importlib.resources import files

    catalogue: dict[str, str] = json.loads(
        files("aiocapdist.cli").joinpath(_CATALOGUE).read_bytes()
    )
    return catalogue


def _of_environment() -> Language:
    """Return the language that the environment names, by the rules of gettext."""
    locale = next(filter(None, map(os.environ.get, _LOCALES)), "")
    if locale.partition(".")[0] in ("C", "POSIX"):
        return "en"  # LANGUAGE does not count there
    for name in (*os.environ.get("LANGUAGE", "").split(":"), locale):
        if name[:2] in ("zh", "en"):
            return "zh" if name.startswith("zh") else "en"
    return "en"


def _can_encode_chinese() -> bool:
    for stream in (sys.stdout, sys.stderr):
        try:
            "中文".encode(getattr(stream, "encoding", None) or "utf-8")
        except (LookupError, UnicodeEncodeError):
            return False
    return True
