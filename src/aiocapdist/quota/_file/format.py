"""A ledger file's bytes: a head, one section for each call, a checksum. Pure.

::

    head      magic, version, number of sections, ledger's number, generation, time namespace,
              the machine's boot, wall clock less boot clock, cold until, when it was written
    section   call, limit, period, rejections, owners that wait; one record for each token
    …
    CRC-32 of all before
"""

from __future__ import annotations

import struct
import zlib

from .section import WAITERS, Section
from .tokens import RECORD_SIZE

MAGIC = b"aiocapdist quota"
VERSION = 2
LARGEST = 2**20  # bytes that are read: the ledger of some 25,000 tokens

_HEAD = struct.Struct("<16sHHxxxxQQQ16sddd")
_SECTION = struct.Struct("<16sIxxxxdQ" + "Qd" * WAITERS)
_GENERATION, _GENERATION_AT = struct.Struct("<Q"), 32
_WRITTEN, _WRITTEN_AT = struct.Struct("<d"), _HEAD.size - 8
_CALL_LENGTH = 16
_SUM = struct.Struct("<I")


class Damaged(ValueError):
    """It is a ledger, but not whole, or not as it was written."""


class Foreign(ValueError):
    """It is no ledger, or one of a version that this program does not know."""


class Contents:
    """What a ledger file holds."""

    def __init__(self, *, number: int, boot: bytes, epoch: float) -> None:
        self.number = number
        """Random: another ledger at the same path has another."""
        self.generation: int = 0
        """Raised with each change that is written."""
        self.boot = boot
        """The machine's start, since which times count (see :func:`.owner.boot_id`)."""
        self.epoch = epoch
        """The wall clock's time at that start."""
        self.time_namespace: int = 0
        """The namespace in which the times count."""
        self.cold_until: float = 0.0
        """Until when nothing is granted, as it is not known what was spent before."""
        self.written_at: float = 0.0
        """The wall clock's time when it was written; ``inf`` if that tells nothing."""
        # A section is unpacked when it is first needed: most programs use one.
        self._sections: dict[str, bytes | Section] = {}

    @property
    def calls(self) -> list[str]:
        """The calls that have a section."""
        return list(self._sections)

    def section(self, call: str) -> Section | None:
        """Return the tokens of this call; None if it has no section."""
        section = self._sections.get(call)
        if isinstance(section, bytes):
            section = self._sections[call] = _unpack_section(section)
        return section

    def add(self, call: str, section: Section) -> None:
        """Put a section in, in place of the call's earlier one if there is one."""
        self._sections[call] = section

    def new_section(self, call: str, limit: int, period: float) -> Section:
        """Make a section for this call, with nothing free while the ledger is cold."""
        section = Section(limit, period)
        if self.cold_until:
            section.expire_all(self.cold_until)
        self.add(call, section)
        return section

    def merge(self, other: Contents) -> None:
        """Take over what another ledger of the same machine knew."""
        for call in other.calls:
            mine, theirs = self.section(call), other.section(call)
            assert theirs is not None
            if mine is None:
                mine = self.new_section(call, theirs.limit, theirs.period)
            if (mine.limit, mine.period) == (theirs.limit, theirs.period):
                mine.merge(theirs)
        self.cold_until = max(self.cold_until, other.cold_until)

    def restarted(self, boot: bytes, now: float, epoch: float, span: float) -> None:
        """Carry all over to another start of the machine (see :meth:`Section.restarted`)."""
        for call in self.calls:
            section = self.section(call)
            assert section is not None
            section.restarted(now, self.epoch, epoch, span)
        self.boot, self.epoch = boot, epoch
        self.cold_until = span if self.cold_until else 0.0

    def expire_all(self, until: float) -> None:
        """Grant nothing before that time: it is not known what was spent."""
        self.cold_until = until
        for call in self.calls:
            section = self.section(call)
            assert section is not None
            cold = Section(section.limit, section.period)
            cold.expire_all(until)
            section.merge(cold)

    # ---- bytes

    def pack(self) -> bytes:
        """Return the bytes of the file."""
        body = self.body()
        return body + _SUM.pack(zlib.crc32(body))

    def body(self) -> bytes:
        """Return the bytes of the file up to the checksum."""
        sections = [
            section if isinstance(section, bytes) else _pack_section(call, section)
            for call, section in self._sections.items()
        ]
        head = _HEAD.pack(
            MAGIC,
            VERSION,
            len(sections),
            self.number,
            self.generation,
            self.time_namespace,
            self.boot,
            self.epoch,
            self.cold_until,
            self.written_at,
        )
        return b"".join([head, *sections])

    @classmethod
    def unpack(cls, data: bytes) -> Contents:
        """Return what these bytes say. Raises Foreign or Damaged."""
        if not data:
            raise Foreign("it is empty")
        if data[: len(MAGIC)] != MAGIC[: len(data)]:
            raise Foreign("it holds something else")
        if len(data) < _HEAD.size + _SUM.size:
            raise Damaged(f"only {len(data)} bytes are left of it")
        _, version, count, number, generation, time_namespace, *rest = _HEAD.unpack_from(data)
        boot, epoch, cold_until, written_at = rest
        if version != VERSION:
            raise Foreign(f"it is of version {version}, and this program knows {VERSION}")
        body = data[: -_SUM.size]
        if _SUM.unpack_from(data, len(body))[0] != zlib.crc32(body):
            raise Damaged("its checksum does not fit")
        contents = cls(number=number, boot=boot, epoch=epoch)
        contents.generation, contents.time_namespace = generation, time_namespace
        contents.cold_until, contents.written_at = cold_until, written_at
        start = _HEAD.size
        for _ in range(count):
            end = start + _section_size_at(body, start)
            call = body[start : start + _CALL_LENGTH].rstrip(b"\0").decode("latin-1")
            contents._sections[call] = body[start:end]
            start = end
        if start != len(body):
            raise Damaged("its sections do not fill it")
        return contents

    def stamped(self, body: bytes, written_at: float) -> bytes:
        """Return the bytes of the next generation of the file, with this body."""
        packed = bytearray(body)
        _GENERATION.pack_into(packed, _GENERATION_AT, self.generation + 1)
        _WRITTEN.pack_into(packed, _WRITTEN_AT, written_at)
        packed += _SUM.pack(zlib.crc32(packed))
        return bytes(packed)

    def was_written(self, written_at: float) -> None:
        """Note that the bytes with this stamp are in the file."""
        self.generation += 1
        self.written_at = written_at


def is_body_of(body: bytes, data: bytes) -> bool:
    """True if a file of these bytes has this body."""
    return len(data) == len(body) + _SUM.size and data.startswith(body)


def file_size(*limits: int) -> int:
    """Return the size in bytes of a file with sections of these limits."""
    return _HEAD.size + sum(map(section_size, limits)) + _SUM.size


def section_size(limit: int) -> int:
    """Return the size in bytes of a section of this many tokens."""
    return _SECTION.size + limit * RECORD_SIZE


def _section_size_at(body: bytes, start: int) -> int:
    if len(body) < start + _SECTION.size:
        raise Damaged("a section is cut off")
    size = section_size(_SECTION.unpack_from(body, start)[1])
    if len(body) < start + size:
        raise Damaged("a section is cut off")
    return size


def _pack_section(call: str, section: Section) -> bytes:
    waiting = [number for entry in section.waiting.items() for number in entry]
    head = _SECTION.pack(
        call.encode("latin-1"),
        section.limit,
        section.period,
        section.rejections,
        *waiting,
        *(0, 0.0) * (WAITERS - len(section.waiting)),
    )
    return head + section.records


def _unpack_section(data: bytes) -> Section:
    _, limit, period, rejections, *waiting = _SECTION.unpack_from(data)
    section = Section(limit, period, data[_SECTION.size :])
    section.rejections = rejections
    pairs = zip(waiting[::2], waiting[1::2], strict=True)
    section.waiting = {instance: until for instance, until in pairs if instance}
    return section
