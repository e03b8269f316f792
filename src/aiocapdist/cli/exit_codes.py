"""Exit codes of the command line."""

from __future__ import annotations

from typing import Final

OK: Final = 0
SOME_FAILED: Final = 1
USAGE: Final = 2
NOT_REACHED: Final = 3
NOT_WRITTEN: Final = 4
INTERRUPTED: Final = 130
