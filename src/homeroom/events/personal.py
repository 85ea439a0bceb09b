"""Accounts that hide inside the ids of things.

An activity's id is chosen by its platform, and some put a person into it: ``https://lms.example/users/jane/badge``,
``/u/jane`` as a page. After the door nothing names a person, so a text that holds its own event's account is
dropped: the event counts, its activity (course, attribute) is absent. To drop is chosen over masking the part,
because half an id groups events under something that is no activity at all. Mail addresses need no account to be
recognised, and are masked at the door, whatever codec they come from.

What counts as holding an account is a rule and not a guess: it stands in the text as a whole word, has
`ACCOUNT_LENGTH_MIN` characters or more, and is not a plain number. Shorter ones and numbers occur by chance
(learner 12 in course 12).
"""

import re
from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.events.model import Int32s

__all__ = ["ACCOUNT_LENGTH_MIN", "holds_account", "without_accounts"]

ACCOUNT_LENGTH_MIN: Final = 3
"""A shorter account is not looked for inside other texts."""


def holds_account(text: str, account: str | None) -> bool:
    """Say whether the account stands in the text as a whole word."""
    if (
        not account
        or account not in text
        or len(account) < ACCOUNT_LENGTH_MIN
        or account.isdecimal()
    ):
        return False
    return re.search(rf"(?<!\w){re.escape(account)}(?!\w)", text) is not None


def without_accounts(texts: pa.Array, accounts: pa.Array) -> pa.Array:
    """Return the texts with those absent that hold the account of their own row.

    Parameters
    ----------
    texts : string array, or a dictionary of strings, shape (n,)
    accounts : string array, shape (n,)

    The common case, that none does, costs one pass over the bytes and returns the very array that came in.
    """
    plain = texts if pa.types.is_string(texts.type) else texts.dictionary
    if not _accounts_are_held(texts, plain, accounts):
        return texts
    kept = [
        None if text is None or holds_account(text, account) else text
        for text, account in zip(texts.to_pylist(), accounts.to_pylist(), strict=True)
    ]
    column = pa.array(kept, pa.string())
    return column if plain is texts else column.dictionary_encode()


def _accounts_are_held(texts: pa.Array, plain: pa.Array, accounts: pa.Array) -> bool:
    """Say whether any row's account may stand in its text; the kernel asks nothing about whole words."""
    if len(texts) == 0 or len(plain) == 0:
        return False
    if plain is texts:
        codes = np.arange(len(texts), dtype=np.int32)
        codes.flags.writeable = False
    else:
        indices = texts.indices if not texts.null_count else texts.indices.fill_null(-1)
        codes = indices.to_numpy().astype(np.int32, copy=False)
    return bool(_held(*_buffers(plain), codes, *_buffers(accounts), ACCOUNT_LENGTH_MIN))


def _buffers(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Int32s]:
    """View a string array's bytes, and where each value starts (and the last ends), read-only."""
    _, starts, data = texts.buffers()
    first = texts.offset
    letters = np.frombuffer(b"" if data is None else data, np.uint8)
    return letters, np.frombuffer(starts, np.int32)[first : first + len(texts) + 1]


@numba.njit(cache=True, nogil=True)
def _held(
    text: npt.NDArray[np.uint8],
    text_starts: Int32s,
    codes: Int32s,
    account: npt.NDArray[np.uint8],
    account_starts: Int32s,
    length_min: int,
) -> bool:
    """Say whether the bytes of any row's account stand among those of its text."""
    for row in range(len(codes)):
        code = codes[row]
        start = account_starts[row]
        size = account_starts[row + 1] - start
        if code < 0 or size < length_min:
            continue
        first = account[start]
        for at in range(text_starts[code], text_starts[code + 1] - size + 1):
            if text[at] == first:
                same = 1
                while same < size and text[at + same] == account[start + same]:
                    same += 1
                if same == size:
                    return True
    return False
