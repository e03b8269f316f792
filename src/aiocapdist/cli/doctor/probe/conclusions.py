"""Samples and evidence as findings. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from ...._protocol.catalog import CAPITAL_DISTRIBUTION, MAX_BODY
from ...drawing import ZONES
from ...language import mark, tr
from ..findings import Finding
from .exchange import Exchange
from .quota import Evidence
from .samples import Samples, lengths, market_of, offset_of

OWNER = mark("quota owner")
REFUSALS = mark("refusals")
COUNTED = mark("counted from")
REFUSAL_TEXT = mark("refusal text")
ZONES_CHECK = mark("update time")
LENGTHS = mark("reply length")

_OWNERS = {
    "connection": mark("each connection has a quota of its own"),
    "opend": mark("each OpenD has a quota of its own; its connections share it"),
    "account": mark("the account has one quota, which all its OpenDs share"),
    "opend or account": mark(
        "connections share the quota; whether OpenDs of one account share it too was not asked"
    ),
}
_COUNTED = {
    "arrival": mark("a request counts from the time when it arrives"),
    "reply": mark("a request counts from the time of its reply"),
}


def kind_findings(samples: Samples) -> list[Finding]:
    """Say what securities of each kind get."""
    found = []
    for kind, answers in samples.by_kind.items():
        text = tr(", ").join(f"{each.code} {_what(each)}" for each in answers)
        if kind == "crypto":
            text = tr("{text}; {more}", text=text, more=_broker(samples, answers[0]))
        data = {
            each.code: {"answer": each.answer, "text": each.text, "error_code": each.error_code}
            for each in answers
        }
        found.append(Finding(f"{kind} codes", "ok", text, data=data))
    return found


def _broker(samples: Samples, answer: Exchange) -> str:
    if answer.figures is None:
        return tr("without a broker and with each of 1 to 3")
    if samples.firm:
        return tr("with security_firm {firm}", firm=samples.firm)
    return tr("without a broker")


def _what(answer: Exchange) -> str:
    if answer.figures is not None:
        return tr("has figures") if answer.answer == "figures" else tr("has figures, all 0")
    return tr(
        "is {answer} ({error_code}: {text})",
        answer=tr(answer.answer),
        error_code=answer.error_code,
        text=answer.text,
    )


def zone_finding(samples: Samples) -> Finding:
    """Say in which time zone ``update_time`` is, by market."""
    found: dict[str, timedelta | None] = {}
    words = []
    for answer in samples.by_kind.get("stock", ()):
        if answer.figures is None:
            continue
        market = market_of(answer).name
        found[market] = offset = offset_of(answer)
        words.append(f"{market} {_zone_words(answer, offset)}")
    if not words:
        return Finding(ZONES_CHECK, "skipped", tr("no market had figures"))
    data = {
        market: None if offset is None else offset.total_seconds() / 3600
        for market, offset in found.items()
    }
    return Finding(ZONES_CHECK, "ok", tr(", ").join(words), data=data)


def _zone_words(answer: Exchange, offset: timedelta | None) -> str:
    if offset is None:
        return tr("not told (no time, or no timestamp beside it)")
    hours = offset.total_seconds() / 3600
    text = f"UTC{hours:+g}"
    own = _own_offset(answer)
    if own is None or own == offset:
        return text if own is None else tr("{zone} (its own)", zone=text)
    hours = own.total_seconds() / 3600
    return tr("{zone} (not its own, UTC{hours:+g})", zone=text, hours=hours)


def _own_offset(answer: Exchange) -> timedelta | None:
    """Return the offset of the market's own time at the time of the figures."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    assert answer.figures is not None
    try:
        zone = ZoneInfo(ZONES[market_of(answer)])
        return (
            datetime.fromtimestamp(answer.figures.updateTimestamp, UTC).astimezone(zone).utcoffset()
        )
    except (KeyError, OverflowError, OSError, ValueError, ZoneInfoNotFoundError):
        return None


def length_finding(samples: Samples, round_trip: float) -> Finding:
    """Say how long replies are; they take ``round_trip`` seconds."""
    answers = list(samples)
    cap = MAX_BODY[CAPITAL_DISTRIBUTION]
    too_long = [each.code for each in answers if each.answer == "unreadable"]
    if too_long:
        text = tr(
            "replies about {codes} cannot be read: {text}",
            codes=tr(", ").join(too_long),
            text=_first_text(answers),
        )
        return Finding(LENGTHS, "warning", text, tr("please report it"))
    sizes = lengths(answers)
    if not sizes:
        return Finding(LENGTHS, "skipped", tr("no reply had figures"))
    milliseconds = round_trip * 1000
    size = (
        f"{sizes[0]}"
        if sizes[0] == sizes[-1]
        else tr("{first} to {last}", first=sizes[0], last=sizes[-1])
    )
    text = tr(
        "{size} bytes with figures, of {cap} that are accepted; "
        "they take {milliseconds:.0f} ms (median)",
        size=size,
        cap=cap,
        milliseconds=milliseconds,
    )
    data = {"shortest": sizes[0], "longest": sizes[-1], "round_trip_ms": round(milliseconds, 1)}
    if sizes[-1] > cap / 4:
        advice = tr("please report it: the limit is too close")
        return Finding(LENGTHS, "warning", text, advice, data)
    return Finding(LENGTHS, "ok", text, data=data)


def _first_text(answers: Sequence[Exchange]) -> str:
    return next(each.text for each in answers if each.answer == "unreadable")


def quota_findings(evidence: Evidence) -> list[Finding]:
    """Say what the experiment on the quota has shown."""
    return [
        _owner_finding(evidence),
        _refusals_finding(evidence),
        _counted_finding(evidence),
        _text_finding(evidence),
    ]


def _owner_finding(evidence: Evidence) -> Finding:
    if evidence.owner is None:
        return Finding(OWNER, "skipped", _unknown(evidence, "owner"))
    data = {"answer": evidence.owner}
    if evidence.owner == "opend or account":
        advice = tr("run it with --second ADDRESS, another OpenD that is logged in to this account")
        return Finding(OWNER, "ok", tr(_OWNERS[evidence.owner]), advice, data)
    return Finding(OWNER, "ok", tr(_OWNERS[evidence.owner]), data=data)


def _refusals_finding(evidence: Evidence) -> Finding:
    if evidence.refusals_count is None:
        return Finding(REFUSALS, "skipped", _unknown(evidence, "refusals_count"))
    if evidence.refusals_count:
        text = tr("refused requests count as well")
    else:
        text = tr("they do not count")
    return Finding(REFUSALS, "ok", text, data={"answer": evidence.refusals_count})


def _counted_finding(evidence: Evidence) -> Finding:
    if evidence.counted_from is None:
        return Finding(COUNTED, "skipped", _unknown(evidence, "counted_from"))
    text = tr(_COUNTED[evidence.counted_from]) + tr(
        "; seen with a reply that took {milliseconds:.0f} ms",
        milliseconds=evidence.round_trip * 1000,
    )
    return Finding(COUNTED, "ok", text, data={"answer": evidence.counted_from})


def _text_finding(evidence: Evidence) -> Finding:
    refusal = evidence.refusal
    if refusal is None:
        return Finding(REFUSAL_TEXT, "skipped", _unknown(evidence, "refusal"))
    text = tr(
        "after {count} calls, with error code {error_code}: {text}",
        count=evidence.answered,
        error_code=refusal.error_code,
        text=refusal.text,
    )
    data = {
        "answered": evidence.answered,
        "text": refusal.text,
        "error_code": refusal.error_code,
    }
    return Finding(REFUSAL_TEXT, "ok", text, data=data)


def _unknown(evidence: Evidence, question: str) -> str:
    reasons = evidence.reasons
    reason = reasons.get(question) or reasons.get("all") or tr("it ended early")
    return tr("not found out: {reason}", reason=reason)
