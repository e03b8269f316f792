"""A password in an address is not shown, not even in errors of urllib."""

from __future__ import annotations

import traceback

import pytest

from aiocapdist._connection.address import parse_address


@pytest.mark.parametrize(
    "address",
    [
        "tcp://me:sesame@nas\u2100local",  # a character that normalises to a slash among others
        "me:sesame@nas\u2100local",
        "ws://me:sesame@[nas",
        "ws://me:sesame@nas:sesame",
    ],
)
def test_the_part_before_an_at_is_not_shown_in_errors_of_urllib(address: str) -> None:
    with pytest.raises(ValueError, match="invalid address") as error:
        parse_address(address, None)
    assert "me:sesame" not in "".join(traceback.format_exception(error.value))
    assert "parts beyond host and port" in str(error.value)
