"""Accounts that hide inside the ids of things.

An activity's id is chosen by its platform, and some put a person into it: ``https://lms.example/users/jane/badge``,
``/u/jane`` as a page. After the door nothing names a person, so a text that holds its own event's account is
dropped: the event counts, its activity (course, attribute) is absent. To drop is chosen over masking the part,
because half an id groups events under something that is no activity at all. A verb cannot be absent, and is masked.
Mail addresses need no account to be recognised, and are masked at the door, whatever codec they come from.

What counts as holding an account is a rule and not a guess: it stands in the text as a whole word, in capital letters
or small ones, plain or percent-encoded, has `ACCOUNT_LENGTH_MIN` characters or more, and is not a plain number.
Shorter ones and numbers occur by chance (learner 12 in course 12). Of an account that is a mail address, it is the
part before the ``@``.
"""

import re
import string
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from homeroom.events.model import Int32s, Int64s, Strings, UInt8s
from homeroom.events.texts import buffers, large_strings, sealed
from homeroom.kernel import inlined, kernel

__all__ = ["ACCOUNT_LENGTH_MIN", "holds_account", "without_accounts"]

ACCOUNT_LENGTH_MIN: Final = 3
"""A shorter account is not looked for inside other texts."""

_SMALL: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_AT, _PERCENT = ord("@"), ord("%")
_CASE = 32


def holds_account(text: str, account: str | None) -> bool:
    """Say whether the account stands in the text as a whole word."""
    if not account:
        return False
    wanted = _small(account).partition("@")[0]
    if len(wanted) < ACCOUNT_LENGTH_MIN or wanted.isdecimal():
        return False
    text = _small(text)
    return wanted in text and _word(wanted).search(text) is not None


def without_accounts(
    texts: Strings | str,
    accounts: pa.LargeStringArray,
    mask: Callable[[str], str] | None = None,
) -> Strings | str:
    """Return the texts with those absent, or masked, that hold the account of their own row.

    Parameters
    ----------
    texts : shape (n,); one text for all is not looked into: no event wrote it
    accounts : shape (n,)
    mask : what to put in place of such a text; None leaves it absent

    The common case, that none does, costs one pass over the bytes and returns what came in.
    """
    if isinstance(texts, str) or not len(texts):
        return texts
    column = _as_column(texts)
    if column is not None and not _accounts_may_be_held(column, accounts):
        return texts
    rows = zip(_listed(texts), _listed(accounts), strict=True)
    return [
        text if text is None or not holds_account(text, account) else mask(text) if mask else None
        for text, account in rows
    ]


def _as_column(texts: Strings) -> pa.Array | None:
    """Return texts as an Arrow array, None if one of them has no UTF-8 form."""
    try:
        return texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string())
    except UnicodeEncodeError:
        return None


def _listed(texts: Strings) -> Sequence[str | None]:
    """Return texts as Python strings; bytes that are no UTF-8 become surrogates, which the door refuses."""
    if not isinstance(texts, pa.Array):
        return texts
    try:
        return texts.to_pylist()  # type: ignore[no-any-return]
    except UnicodeDecodeError:
        raw = texts.cast(pa.large_binary()).to_pylist()
        return [None if one is None else one.decode(errors="surrogateescape") for one in raw]


def _small(text: str) -> str:
    return (unquote(text) if "%" in text else text).translate(_SMALL)


@lru_cache(maxsize=1 << 10)
def _word(wanted: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(wanted)}(?!\w)")


def _accounts_may_be_held(column: pa.Array, accounts: pa.LargeStringArray) -> bool:
    """Say whether any row's account may stand in its text; the kernel asks nothing about whole words."""
    if pa.types.is_dictionary(column.type):
        plain, indices = column.dictionary, column.indices.cast(pa.int32())
        codes = (indices.fill_null(-1) if indices.null_count else indices).to_numpy()
    else:
        plain, codes = column, np.arange(len(column), dtype=np.int32)
    found = _may_be_held(
        *buffers(large_strings(plain)), sealed(codes), *buffers(accounts), ACCOUNT_LENGTH_MIN
    )
    return bool(found)


@kernel
def _may_be_held(
    text: UInt8s,
    text_starts: Int64s,
    codes: Int32s,
    account: UInt8s,
    account_starts: Int64s,
    length_min: int,
) -> bool:
    """Say whether the bytes of any row's account, up to its ``@``, stand among those of its text."""
    for row in range(len(codes)):
        code = codes[row]
        start = account_starts[row]
        end = start
        while end < account_starts[row + 1] and account[end] != _AT:
            if account[end] == _PERCENT:
                return True
            end += 1
        if code < 0 or end - start < length_min:
            continue
        first = _lower(account[start])
        for at in range(text_starts[code], text_starts[code + 1]):
            byte = text[at]
            if (_lower(byte) == first or byte == _PERCENT) and _stands_at(
                text, at, text_starts[code + 1], account, start, end
            ):
                return True
    return False


@kernel
def _stands_at(text: UInt8s, at: int, text_end: int, account: UInt8s, start: int, end: int) -> bool:
    """Say whether the bytes of an account stand in a text from ``at`` on, percent-encoded ones decoded."""
    while start < end:
        if at >= text_end:
            return False
        byte = text[at]
        if byte == _PERCENT and at + 2 < text_end:
            byte = np.uint8(_digit(text[at + 1]) * 16 + _digit(text[at + 2]))
            at += 2
        if _lower(byte) != _lower(account[start]):
            return False
        at += 1
        start += 1
    return True


@inlined
def _lower(byte: np.uint8) -> np.uint8:
    return byte | np.uint8(_CASE) if 65 <= byte <= 90 else byte


@inlined
def _digit(byte: np.uint8) -> int:
    """Return the value of a hexadecimal digit; of what is none, anything."""
    return int(byte & np.uint8(15)) + (9 if byte > 57 else 0)
