"""The tree of errors: classes, attributes, texts, and pickling."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Iterator

import pytest

import aiocapdist
from aiocapdist import (
    AiocapdistError,
    BackendError,
    ClientClosed,
    ConnectError,
    ConnectionLost,
    HandshakeError,
    InvalidCode,
    InvalidKey,
    OpenDError,
    ProtocolError,
    QuotaExceeded,
    QuotaUnavailable,
    QuotaWaitTooLong,
    RecordingError,
    RequestTimeout,
    UnknownSecurity,
    UnsupportedSecurity,
    errors,
)

# One of each kind, with its data and its whole text.
SAMPLES: list[tuple[AiocapdistError, dict[str, object], str]] = [
    (AiocapdistError("internal"), {}, "internal"),
    (
        InvalidCode("hk.1", "codes are upper case", "HK.1"),
        {"code": "hk.1", "reason": "codes are upper case", "suggestion": "HK.1"},
        "invalid code 'hk.1': codes are upper case; try 'HK.1'",
    ),
    (
        InvalidCode(7, "a code is a string, not int"),
        {"code": 7, "reason": "a code is a string, not int", "suggestion": None},
        "invalid code 7: a code is a string, not int",
    ),
    (
        InvalidKey("it is empty"),
        {"reason": "it is empty"},
        str(InvalidKey("it is empty")),
    ),
    (
        ConnectError("nas", 11111, "the connection was refused", "start OpenD"),
        {"host": "nas", "port": 11111, "reason": "the connection was refused"},
        "cannot connect to OpenD at nas:11111: the connection was refused; start OpenD",
    ),
    (
        ConnectError("", 0, "a (gone), b (gone)", "start OpenD", ("a", "b")),
        {"host": "", "port": 0, "reason": "a (gone), b (gone)", "gateways": ("a", "b")},
        "cannot connect to OpenD at any of 2 gateways: a (gone), b (gone); start OpenD",
    ),
    (
        HandshakeError("memory", 0, "it said no", "ask again"),
        {"host": "memory", "port": 0, "reason": "it said no", "hint": "ask again"},
        "cannot connect to OpenD at memory: it said no; ask again",
    ),
    (
        ConnectionLost("broken pipe", sent=True),
        {"reason": "broken pipe", "sent": True},
        "connection to OpenD lost: broken pipe; the request had been sent",
    ),
    (
        ConnectionLost("broken pipe", sent=False),
        {"reason": "broken pipe", "sent": False},
        "connection to OpenD lost: broken pipe; the request had not been sent",
    ),
    (
        RequestTimeout(3212, 10.0, "HK.1"),
        {"proto_id": 3212, "timeout": 10.0, "code": "HK.1"},
        "no reply to request 3212 about HK.1 within 10 s",
    ),
    (
        RequestTimeout(1002, 0.5),
        {"proto_id": 1002, "timeout": 0.5, "code": None},
        "no reply to request 1002 within 0.5 s",
    ),
    (ClientClosed(), {}, "the client is closed; open another with aiocapdist.connect()"),
    (ProtocolError("bad magic"), {"reason": "bad magic"}, "bad magic"),
    (
        OpenDError(-1, "频率", 5, "HK.1"),
        {"ret_type": -1, "ret_msg": "频率", "err_code": 5, "code": "HK.1"},
        "HK.1: OpenD answered -1: 频率",
    ),
    (
        QuotaExceeded(-1, ""),
        {"ret_type": -1, "ret_msg": "", "err_code": 0, "code": None},
        "OpenD answered -1: no reason given",
    ),
    (
        QuotaUnavailable("/q", "it holds something else", "give it another path"),
        {"where": "/q", "reason": "it holds something else", "hint": "give it another path"},
        "the quota at /q cannot be used: it holds something else; give it another path",
    ),
    (UnknownSecurity(-1, "who?"), {"ret_msg": "who?"}, "OpenD answered -1: who?"),
    (UnsupportedSecurity(-1, "no"), {"ret_msg": "no"}, "OpenD answered -1: no"),
    (BackendError(-100, "late"), {"ret_type": -100}, "OpenD answered -100: late"),
    (
        QuotaWaitTooLong(29.96, 5.0),
        {"eta": 29.96, "max_wait": 5.0},
        (
            "the quota allows this call in about 30.0 s, but max_wait is 5 s; "
            "allow more, or call later"
        ),
    ),
    (
        QuotaWaitTooLong(float("inf"), 5.0, "it is away"),
        {"eta": float("inf"), "reason": "it is away"},
        (
            "this call waits for the quota, which cannot be used (it is away), "
            "but max_wait is 5 s; allow more, or call later"
        ),
    ),
    (
        RequestTimeout(3212, 3.0, "HK.1", waited_for="quota", reason="it is away"),
        {"waited_for": "quota", "eta": None, "reason": "it is away"},
        (
            "request 3212 about HK.1 was not sent within 3 s: it waited for the quota, "
            "which cannot be used: it is away"
        ),
    ),
    (
        RecordingError("day.sqlite", "the disk is full", "free some space"),
        {"where": "day.sqlite", "reason": "the disk is full", "hint": "free some space"},
        "the recording at day.sqlite cannot be used: the disk is full; free some space",
    ),
]
IDS = [type(error).__name__ for error, _, _ in SAMPLES]


def tree(kind: type[AiocapdistError] = AiocapdistError) -> Iterator[type[AiocapdistError]]:
    yield kind
    for child in kind.__subclasses__():
        if vars(errors).get(child.__name__) is child:
            yield from tree(child)


def test_there_is_a_sample_of_every_kind() -> None:
    assert {type(error) for error, _, _ in SAMPLES} == set(tree())


def test_every_kind_is_exported_and_in_the_docstring() -> None:
    assert errors.__doc__ is not None
    for kind in tree():
        assert getattr(aiocapdist, kind.__name__) is kind
        assert kind.__name__ in vars(aiocapdist)["__all__"]
        assert re.search(rf"\b{kind.__name__}\b", errors.__doc__)


def test_the_docstring_shows_the_base_classes_of_each_error() -> None:
    assert errors.__doc__ is not None
    row = re.compile(r"^ {4}([│├└─ ]*)(\w+) *(?:\(also (\w+)\))?", re.MULTILINE)
    rows = row.findall(errors.__doc__)
    assert [name for _, name, _ in rows] == [kind.__name__ for kind in tree()]
    parents = {-1: "Exception"}
    for branches, name, also in rows:
        kind = getattr(errors, name)
        depth = len(branches) // 4
        assert kind.__bases__[0].__name__ == parents[depth - 1]
        assert [base.__name__ for base in kind.__bases__[1:]] == ([also] if also else [])
        parents[depth] = name


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (InvalidCode, ValueError),
        (ConnectError, ConnectionError),
        (HandshakeError, ConnectionError),
        (ConnectionLost, ConnectionError),
        (RequestTimeout, TimeoutError),
    ],
)
def test_a_builtin_exception_catches_its_kinds(
    kind: type[Exception], builtin: type[Exception]
) -> None:
    assert issubclass(kind, builtin)
    assert not issubclass(OpenDError, OSError | ValueError)


@pytest.mark.parametrize(("error", "data", "text"), SAMPLES, ids=IDS)
def test_an_error_has_its_data_in_attributes_and_a_text(
    error: AiocapdistError, data: dict[str, object], text: str
) -> None:
    assert str(error) == text
    assert {name: getattr(error, name) for name in data} == data


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(("error", "data", "text"), SAMPLES, ids=IDS)
def test_an_error_can_be_pickled(
    error: AiocapdistError, data: dict[str, object], text: str, protocol: int
) -> None:
    got = pickle.loads(pickle.dumps(error, protocol))
    assert type(got) is type(error)
    assert got is not error
    assert got.__dict__ == error.__dict__
    assert got.args == error.args
    assert (str(got), repr(got)) == (text, repr(error))


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize(("error", "data", "text"), SAMPLES, ids=IDS)
def test_a_copy_is_a_new_error_with_the_same_data(
    error: AiocapdistError, data: dict[str, object], text: str, way: object
) -> None:
    assert callable(way)
    error = copy.copy(error)
    error.add_note("seen on Monday")
    got = way(error)
    assert type(got) is type(error)
    assert got is not error
    assert got.__dict__ == error.__dict__
    assert got.__notes__ == ["seen on Monday"]
    assert got.__traceback__ is None
    assert str(got) == text


def test_a_long_code_is_shortened_in_the_text_and_whole_in_the_data() -> None:
    long = "HK." + "7" * 5000
    error = InvalidCode(long, "it is too long")
    assert error.code == long
    assert str(error) == f"invalid code '{long[:79]}…: it is too long"
