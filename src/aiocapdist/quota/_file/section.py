"""What a ledger file holds: who has which token, until when. Pure: bytes to slots and back.

One slot for each token. A slot is free once its time has come, so freeing a token writes
nothing, and a file that nobody touches any more is all free in the end. Times count from the
machine's start (see :mod:`.holder`).
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from functools import lru_cache
from math import inf

from .slots import COOLING, EMPTY, FREE, HELD, NOBODY, REFUSED, Holder, Sight, Slot

MAGIC = b"aiocapdist quota"
VERSION = 1
LARGEST = 2**20  # bytes that are looked at: the ledger of some 25,000 tokens
WAITERS = 8  # that are remembered: so many suffice to tell a taker to share

# Magic, version, limit, period, the ledger's number, the machine's boot, wall clock less boot
# clock, refusals so far; who waits, and until when that may be believed.
_HEAD = struct.Struct("<16sHxxIdQ16sdQ" + "Qd" * WAITERS)
_SLOT = struct.Struct("<BxxxIQQQd")
_SUM = struct.Struct("<I")


class Torn(ValueError):
    """It is a ledger, but not whole, or not as it was written."""


class Foreign(ValueError):
    """It is no ledger of ours, or of a kind that this version does not know."""


class Page:
    """All tokens of one account, and what else its processes tell each other.

    ``number`` is drawn for each new ledger: another one at the same path has another.
    """

    def __init__(
        self, limit: int, period: float, *, number: int = 0, boot: bytes, epoch: float
    ) -> None:
        self.limit = limit
        self.period = period
        self.number = number
        self.boot = boot
        self.epoch = epoch
        self.refused = 0
        self.waiting: dict[int, float] = {}
        """Instances of holders, who waits longest first, and until when that is so."""
        self.slots: list[Slot] = [EMPTY] * limit

    # ---- bytes

    def pack(self) -> bytes:
        """As it is written."""
        waiting = [number for entry in self.waiting.items() for number in entry]
        head = _HEAD.pack(
            *(MAGIC, VERSION, self.limit, self.period, self.number),
            *(self.boot, self.epoch, self.refused),
            *waiting,
            *(0, 0.0) * (WAITERS - len(self.waiting)),
        )
        body = head + b"".join(map(_packed, self.slots))
        return body + _SUM.pack(zlib.crc32(body))

    @classmethod
    def parse(cls, data: bytes) -> Page:
        """The page in these bytes. Raises Foreign or Torn."""
        if data[: len(MAGIC)] != MAGIC[: len(data)]:
            raise Foreign("it holds something else")
        if len(data) < _HEAD.size + _SUM.size:
            raise Torn(f"only {len(data)} bytes are left of it")
        _, version, limit, period, number, boot, epoch, refused, *waiting = _HEAD.unpack_from(data)
        if version != VERSION:
            raise Foreign(f"it is of version {version}, and this program knows {VERSION}")
        body = data[: -_SUM.size]
        if len(data) != size_of(limit) or _SUM.unpack_from(data, len(body))[0] != zlib.crc32(body):
            raise Torn("its checksum does not fit")
        page = cls(limit, period, number=number, boot=boot, epoch=epoch)
        page.refused = refused
        pairs = zip(waiting[::2], waiting[1::2], strict=True)
        page.waiting = {instance: until for instance, until in pairs if instance}
        starts = range(_HEAD.size, len(body), _SLOT.size)
        page.slots = [_slot(body[start : start + _SLOT.size]) for start in starts]
        return page

    # ---- what a holder does

    def take(self, count: int, holder: Holder, now: float, until: float) -> None:
        """The holder has so many more; ``until`` is when they are free should it never say."""
        self.waiting.pop(holder.instance, None)
        for index in self._free(now)[:count]:
            self.slots[index] = Slot(HELD, holder, until)

    def put_back(self, count: int, holder: Holder) -> None:
        """So many of the holder's are free again."""
        for index in self._held(holder)[:count]:
            self.slots[index] = EMPTY

    def settle(
        self, count: int, holder: Holder, now: float, until: float, *, refused: bool = False
    ) -> None:
        """So many of the holder's are free at that time."""
        self.refused += count if refused else 0
        for index in self._own(count, holder, now):
            self.slots[index] = Slot(REFUSED if refused else COOLING, holder, until)

    def renew(self, count: int, holder: Holder, now: float, until: float) -> None:
        """The holder lives, and has so many."""
        for index in self._own(count, holder, now):
            self.slots[index] = Slot(HELD, holder, until)

    def sight(self, holder: Holder, now: float) -> Sight:
        """How things stand for this holder."""
        free = mine = others = 0
        counted: list[float] = []
        refused: list[float] = []
        lease_ends = inf
        for state, whose, until in self.slots:
            if state == FREE or until <= now:
                free += 1
            elif state == HELD and whose == holder:
                mine += 1
                lease_ends = min(lease_ends, until)
            elif state == HELD:
                others += 1
            else:
                (refused if state == REFUSED else counted).append(until)
        return Sight(free, mine, others, counted, refused, lease_ends)

    # ---- what others do for it

    def others_holding(self, holder: Holder, now: float) -> set[Holder]:
        """Who else has tokens."""
        held = [slot for slot in self.slots if slot.state == HELD and slot.until > now]
        return {slot.holder for slot in held if slot.holder != holder}

    def bury(self, holder: Holder, until: float) -> None:
        """The holder is dead: what it held is free at that time at the latest."""
        for index in self._held(holder):
            slot = self.slots[index]
            self.slots[index] = Slot(COOLING, holder, min(until, slot.until))

    def cool_all(self, until: float) -> None:
        """Nobody knows what was spent: nothing is free before that time."""
        self.slots = [Slot(COOLING, NOBODY, until)] * self.limit

    def merge(self, other: Page) -> None:
        """Take over what another page of the same account knew.

        A token of which each tells something else counts as two: rather one too few.
        """
        both = Counter(self.slots) | Counter(other.slots)
        self.slots = sorted(both.elements(), key=_until)[-self.limit :]
        self.refused = max(self.refused, other.refused)

    def started_anew(self, boot: bytes, now: float, epoch: float, span: float) -> None:
        """The machine was started again since this was written; ``epoch`` is the new one's.

        What was spent before that start is free a ``span`` after it. The wall clocks are asked
        as well, should the file come from another machine, but believed for one span at most.
        """
        wall = now + epoch

        def over(slot: Slot) -> Slot:
            if slot.state == FREE:
                return EMPTY
            left = min(max(0.0, slot.until + self.epoch - wall), span)
            return Slot(COOLING, NOBODY, max(now + left, span))

        self.slots = [over(slot) for slot in self.slots]
        self.boot, self.epoch = boot, epoch
        self.waiting = {}

    # ---- who waits

    def wait(self, holder: Holder, now: float, until: float) -> None:
        """The holder waits for a token; who takes some meanwhile shall leave it a share."""
        me = holder.instance
        self.waiting = {who: end for who, end in self.waiting.items() if end > now or who == me}
        if me in self.waiting or len(self.waiting) < WAITERS:
            self.waiting[me] = until

    def others_waiting(self, holder: Holder, now: float) -> tuple[int, int]:
        """How many others wait as far as is known, and how many of them for longer."""
        instances = [instance for instance, until in self.waiting.items() if until > now]
        if holder.instance not in instances:
            return len(instances), len(instances)
        return len(instances) - 1, instances.index(holder.instance)

    # ---- inside

    def _free(self, now: float) -> list[int]:
        slots = enumerate(self.slots)
        return [index for index, slot in slots if slot.state == FREE or slot.until <= now]

    def _held(self, holder: Holder) -> list[int]:
        slots = enumerate(self.slots)
        held = [index for index, slot in slots if slot.state == HELD and slot.holder == holder]
        # Those whose leases have ended come last: they count as free.
        return sorted(held, key=lambda index: -self.slots[index].until)

    def _own(self, count: int, holder: Holder, now: float) -> list[int]:
        """So many of the holder's; where some were lost, or given away when its leases had
        ended, it has others for them."""
        own = self._held(holder)[:count]
        if len(own) < count:
            others = [index for index in self._free(now) if index not in own]
            own += others[: count - len(own)]
        return own


def size_of(limit: int) -> int:
    """How many bytes the page of so many tokens takes."""
    return _HEAD.size + limit * _SLOT.size + _SUM.size


def _until(slot: Slot) -> float:
    return 0.0 if slot.state == FREE else slot.until


@lru_cache(4096)  # from one writing to the next, most slots are the same
def _packed(slot: Slot) -> bytes:
    return _SLOT.pack(slot.state, *slot.holder, slot.until)


@lru_cache(4096)
def _slot(packed: bytes) -> Slot:
    state, pid, started, space, instance, until = _SLOT.unpack(packed)
    return Slot(state, Holder(pid, started, space, instance), until)
