"""What the names and numbers in facts must be, whichever fact has them."""

from collections.abc import Mapping
from typing import Any

import msgspec

from homeroom import limits
from homeroom.errors import ControlError

__all__ = ["check_count", "check_name", "size_of_definition"]


def check_name(what: str, name: str) -> None:
    """Raise `ControlError` for a name that nothing may have."""
    is_plain = name.isprintable() and "/" not in name and name not in (".", "..")
    if not is_plain or not 0 < len(name) <= limits.NAME_CHARACTERS_MAX:
        raise ControlError(
            f"the name of a {what} is {name[: limits.NAME_CHARACTERS_MAX]!r}; it must have from 1 to "
            f"{limits.NAME_CHARACTERS_MAX} printable characters and no '/', and not be '.' or '..'"
        )


def check_count(what: str, count: int, count_max: int) -> None:
    """Raise `ControlError` for a number that is over its bound."""
    if count > count_max:
        raise ControlError(f"there would be {count:,} {what}, at most {count_max:,} are allowed")


def size_of_definition(written: Mapping[str, Any]) -> int:
    """Return how many bytes a definition has in an entry. Raises `ControlError` for one that no entry can hold."""
    try:
        return len(msgspec.msgpack.encode(written))
    except (OverflowError, RecursionError, TypeError, UnicodeEncodeError):
        # Python and JSON hold more than an entry does.
        raise ControlError(
            "the definition holds a number of more than 64 bits, text that is no UTF-8, a value that JSON does not "
            "have, or too many levels"
        ) from None
