"""The line: first come first served within a place, round-robin between places."""

from __future__ import annotations

from aiocapdist.quota._core.fair_queue import FairQueue, Place


class Named(Place):
    def __init__(self, line: FairQueue, name: str, waiting: int, *, patient: bool = False) -> None:
        super().__init__(patient=patient)
        self.line = line
        self.name = name
        self.waiting = waiting

    @property
    def length(self) -> int:
        return self.waiting

    def grant(self, count: int, now: float) -> int:
        used = min(count, self.waiting)
        self.waiting -= used
        if not self.waiting:
            self.line.leave(self)
        return used


def serve(line: FairQueue, tokens: int, *, patient: bool = True) -> str:
    served = ""
    for _ in range(tokens):
        place = line.next(patient=patient)
        if place is None:
            break
        assert isinstance(place, Named)
        served += place.name * place.grant(1, 0.0)
        line.served(place)
    return served


def test_places_take_turns() -> None:
    line = FairQueue()
    for name in "abc":
        line.join(Named(line, name, 3))
    assert serve(line, 9) == "abcabcabc"
    assert not line.places


def test_a_newcomer_goes_before_those_that_were_served() -> None:
    line = FairQueue()
    line.join(Named(line, "s", 100))
    assert serve(line, 3) == "sss"
    line.join(Named(line, "x", 1))
    assert serve(line, 3) == "xss"


def test_coming_and_going_wins_nothing() -> None:
    line = FairQueue()
    line.join(Named(line, "s", 100))
    single = Named(line, "x", 0)
    served = ""
    for _ in range(3):
        single.waiting = 1
        line.join(single)
        served += serve(line, 2)
    assert served.count("x") == 3
    assert served.count("s") == 3


def test_patient_places_wait_while_only_the_reserve_is_left() -> None:
    line = FairQueue()
    line.join(Named(line, "s", 5, patient=True))
    assert serve(line, 1, patient=False) == ""
    line.join(Named(line, "x", 2))
    assert serve(line, 3, patient=False) == "xx"
    assert serve(line, 2, patient=True) == "ss"


def test_patient_and_eager_places_take_turns_when_there_is_plenty() -> None:
    line = FairQueue()
    line.join(Named(line, "s", 3, patient=True))
    line.join(Named(line, "x", 3))
    assert sorted(serve(line, 2)) == ["s", "x"]
    assert serve(line, 4)[:2] in ("sx", "xs")


def test_joining_twice_is_the_same_as_once() -> None:
    line = FairQueue()
    place = Named(line, "a", 2)
    line.join(place)
    line.join(place)
    line.leave(place)
    line.leave(place)
    assert line.next(patient=True) is None
    line.join(place)
    line.join(Named(line, "b", 2))
    assert sorted(serve(line, 2)) == ["a", "b"]


def test_how_many_go_first() -> None:
    line = FairQueue()
    long, short, mine = Named(line, "l", 50), Named(line, "s", 2), Named(line, "m", 10)
    for place in (long, short, mine):
        line.join(place)
    assert line.length == 62
    assert line.ahead_of(mine, 1) == 2
    assert line.ahead_of(mine, 5) == 7
    newcomer = Named(line, "n", 1)
    assert line.ahead_of(newcomer, 1) == 0


def test_entries_of_places_that_left_do_not_pile_up() -> None:
    line = FairQueue()
    stays, goes = Named(line, "a", 10_000), Named(line, "b", 10_000)
    line.join(stays)
    for _ in range(1000):
        line.join(goes)
        serve(line, 2)
        line.leave(goes)
    assert len(line._eager) < 10
