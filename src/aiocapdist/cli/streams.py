"""Standard output (answers) and standard error (everything else), full or closed ones too."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from .escape import escape, one_line
from .language import mark, tr

if TYPE_CHECKING:
    from logging import LogRecord


STANDARD_OUTPUT = "/dev/stdout"
READER_GONE = mark("its reader closed the pipe")


class OutputError(Exception):
    """Raised when standard output cannot be written. The text says why."""


class CheckedOutput(io.TextIOWrapper):
    """Standard output that raises OutputError if it cannot be written."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            self._fail(error)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> NoReturn:
        redirect_to_null(self.fileno())
        raise OutputError(_reason(error)) from None


class LossyOutput(io.TextIOWrapper):
    """Standard error that drops what cannot be written: messages must not cost answers."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError:
            redirect_to_null(self.fileno())
            return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            redirect_to_null(self.fileno())


def replace_standard_streams() -> None:
    """Replace standard output and error by streams that handle errors.

    Raises OutputError if standard output is closed.
    """
    # Free descriptors below 3 would be taken by the next file or socket, and messages of
    # libraries would then be written into it.
    closed = [number for number in range(3) if not _is_open(number)]
    for _ in closed:
        os.open(os.devnull, os.O_RDWR)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until the exit
    else:
        sys.stderr = LossyOutput(
            _buffered(sys.stderr.buffer),
            encoding=sys.stderr.encoding,
            errors="backslashreplace",
            line_buffering=True,
        )
    if sys.stdout is None:
        raise OutputError(tr("it is closed"))
    sys.excepthook = _print_traceback
    sys.stdout = CheckedOutput(
        _buffered(sys.stdout.buffer), encoding=sys.stdout.encoding, errors="backslashreplace"
    )


def write(text: str) -> None:
    """Write to standard output and flush: half a minute may pass until the next answer."""
    # Looked up each time: a progress bar on the same terminal replaces the stream.
    print(text, end="", flush=True)


def is_standard_output(path: Path | str | None) -> bool:
    """True if ``--output`` means standard output: a dash too, as :func:`run` passes it on."""
    return path is None or str(path) in ("-", "@-", STANDARD_OUTPUT)


@contextmanager
def output_to(path: Path | None) -> Iterator[None]:
    """Let standard output be written to a file in the body. Raises OutputError."""
    if path is None or is_standard_output(path):
        yield
        return
    try:
        file = CheckedOutput(path.open("wb"), encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}") from None
    previous, sys.stdout = sys.stdout, file
    try:
        with file:
            yield
    except OSError as error:  # closing can fail too
        raise OutputError(f"{path}: {error.strerror}") from None
    finally:
        sys.stdout = previous


def check_reader() -> None:
    """Raise OutputError if standard output is a pipe that nobody reads any more.

    Writing would tell too, but a watch may have nothing to write for hours.
    """
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    with suppress(OSError, ValueError):  # it has no descriptor, or a closed one
        poll.register(sys.stdout.fileno(), 0)
    if any(event & select.POLLERR for _, event in poll.poll(0)):
        raise OutputError(tr(READER_GONE))


def report(text: str) -> None:
    """Write one escaped line to standard error."""
    print(f"aiocapdist: {one_line(text)}", file=sys.stderr, flush=True)


def report_log_records() -> None:
    """Report what the library logs from WARNING on. Can be repeated."""
    import logging

    class ReportHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            report(logged_text(record))

    logger = logging.getLogger("aiocapdist")
    if not logger.handlers:
        logger.addHandler(ReportHandler(logging.WARNING))


def logged_text(record: LogRecord) -> str:
    """Return what a record says, in the language in use."""
    text = tr(str(record.msg))
    return text % record.args if record.args else text


def redirect_to_null(descriptor: int) -> None:
    """Let a descriptor write to the null device, what is still buffered included.

    Without this, the interpreter would report the same error again when it exits.
    """
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)


def _print_traceback(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Print an internal error's traceback, escaped as all that goes to a terminal is."""
    import traceback as formatter

    lines = "".join(formatter.format_exception(kind, error, traceback)).splitlines()
    print(*map(escape, lines), sep="\n", file=sys.stderr)


def _buffered(stream: BinaryIO) -> BinaryIO:
    """Return a buffered stream: unbuffered, Python drops what one system call leaves over."""
    return io.BufferedWriter(stream) if isinstance(stream, io.RawIOBase) else stream


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _reason(error: OSError) -> str:
    if error.errno == errno.EPIPE:
        return tr(READER_GONE)
    return error.strerror or str(error)
