"""Texts that repeat, as small numbers.

Verbs, activities and courses come a million times with a thousand values. A dictionary gives each value a code; the
columns hold codes, and everything that must look at text (length, encoding, mail addresses, hashing) looks at each
value once, when it is new. So thoroughness is free, and a known value costs one look-up in C: a ``dict`` whose
``__missing__`` does the work, mapped over the list without a Python frame a value. Arrow columns are encoded by
Arrow, batch by batch, and only their distinct values are looked up.

Codes depend on the order in which values came and mean nothing outside the run: whatever is compared, hashed or
kept uses the text, or its hash under a fixed public key.

A value that may not enter has a negative code in place of an exception, so that the column of codes says at once
whether any event has to be rejected. Such values are not kept, or a hostile file could fill the memory with them.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from homeroom import limits
from homeroom.events.digests import hash_texts
from homeroom.events.model import Int32s, Strings, UInt64s
from homeroom.events.texts import buffers, large_strings, sealed

__all__ = [
    "ABSENT",
    "DROPPED",
    "INVALID",
    "TOO_LONG",
    "Dictionaries",
    "Dictionary",
    "Hashes",
    "TextCodes",
    "looks_like_mail",
    "text_fault",
]

ABSENT = -1
TOO_LONG = -2
INVALID = -3
DROPPED = -4

AT_SIGN = re.compile(r"[^\s/@](?:@|%40)[^\s/@]", re.IGNORECASE)
OPAQUE_KEY = re.compile(r"\b(?:block|asset|lib-block)-v1(?::|%3a)", re.IGNORECASE)
OPAQUE_KEY_PART = re.compile(r"(?:\+|%2b|:)(?:type|block)(?:@|%40)", re.IGNORECASE)


def looks_like_mail(text: str) -> bool:
    """Return whether a text seems to hold an address: something, an at sign (``@`` or ``%40``), something.

    Open edX usage keys (``block-v1:Org+Course+Run+type@video+block@intro``) use the at sign as a separator; theirs
    are passed over, any further one is not.
    """
    if "@" not in text and "%40" not in text:
        return False
    if OPAQUE_KEY.search(text):
        text = OPAQUE_KEY_PART.sub("+", text)
    return AT_SIGN.search(text) is not None


def text_fault(text: str) -> int | None:
    """Return `TOO_LONG` or `INVALID` for a text that may not enter, else None."""
    # Characters first: the encoded form of a hostile text is not made before its length is known.
    if len(text) > limits.TEXT_BYTES_MAX:
        return TOO_LONG
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        return INVALID
    return TOO_LONG if size_bytes > limits.TEXT_BYTES_MAX else None


class TextCodes(dict[str | None, int]):
    """Text to code for whole columns; ``__missing__`` of a subclass says what new text gets."""

    def codes(self, values: "Strings | str", count: int) -> Int32s:
        """Return the code of each value: int32 of shape (count,).

        Parameters
        ----------
        values : one text for all, a list, or an Arrow array of strings or of a dictionary of them
        count : the number of events
        """
        if isinstance(values, str):
            return np.full(count, self[values], np.int32)
        if isinstance(values, pa.Array):
            return self._arrow_codes(values)
        return np.fromiter(map(self.__getitem__, values), np.int32, count)

    def _arrow_codes(self, values: pa.Array) -> Int32s:
        if not pa.types.is_dictionary(values.type):
            values = values.dictionary_encode()
        elif len(values.dictionary) > len(values):
            # A slice of a large column: look only at the values that it uses.
            values = values.cast(values.type.value_type).dictionary_encode()
        return self._of_rows(self._distinct_codes(values.dictionary), values)

    def known_codes(self, values: pa.DictionaryArray) -> Int32s | None:
        """Return the code of each value, int32 of shape (n,), where all of them have one already; else None."""
        codes = [self.get(text) for text in values.dictionary.to_pylist()]
        if None in codes:
            return None
        return self._of_rows(np.array(codes, np.int32), values)

    def _of_rows(self, codes: Int32s, values: pa.DictionaryArray) -> Int32s:
        """Return for each row of an Arrow dictionary the code of its value."""
        known = np.append(codes, np.int32(self[None]))
        indices = values.indices
        if indices.null_count:
            indices = indices.cast(pa.int64()).fill_null(len(known) - 1)
        of_rows: Int32s = known[indices.to_numpy(zero_copy_only=False)]
        return of_rows

    def _distinct_codes(self, distinct: pa.Array) -> Int32s:
        try:
            texts = distinct.to_pylist()
        except UnicodeDecodeError:
            # A file may hold what is not UTF-8; as surrogates it reaches `__missing__`, which refuses it.
            raw = distinct.cast(pa.large_binary()).to_pylist()
            texts = [None if one is None else one.decode(errors="surrogateescape") for one in raw]
        return np.fromiter(map(self.__getitem__, texts), np.int32, len(texts))


class _Known(TextCodes):
    """The values of a dictionary, which is asked about each new one."""

    def __init__(self, learn: Callable[[str], int]) -> None:
        super().__init__({None: ABSENT, "": ABSENT})
        self._learn = learn

    def __missing__(self, text: str) -> int:
        return self._learn(text)


class Hashes(NamedTuple):
    """128-bit hashes of a dictionary's values by code, under a fixed public key; read-only."""

    hi: UInt64s
    lo: UInt64s


class Dictionary:
    """Text to code and back; it only grows.

    Parameters
    ----------
    mask : what stands in place of a value that looks like a mail address
    values_max : a further value gets `DROPPED`

    A dictionary knows each text under up to four names, which here are one: ``values`` is what is shown, ``stored``
    what is written down, ``came`` what came in, and ``spoken`` what people say. Where ids are written down as hashes
    (`homeroom.events.ids`), they differ.
    """

    def __init__(
        self, mask: Callable[[str], str], values_max: int = limits.DICTIONARY_VALUES_MAX
    ) -> None:
        self._values: list[str] = []
        self._known = _Known(self._learn)
        self._mask = mask
        self._values_max = values_max
        # Hashes with room for more, and how many there are; one value, since several threads may add to it.
        self._hashed: tuple[UInt64s, UInt64s, int] = (
            np.zeros(64, np.uint64),
            np.zeros(64, np.uint64),
            0,
        )

    def __len__(self) -> int:
        """Return the number of values."""
        return len(self._values)

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self)

    @property
    def values(self) -> list[str]:
        """The text of each code, as whoever asks may see it."""
        return self._values

    @property
    def stored(self) -> list[str]:
        """The text of each code as it is written down: the same everywhere."""
        return self._values

    @property
    def came(self) -> list[str]:
        """The text of each code as it came in."""
        return self._values

    @property
    def spoken(self) -> list[str]:
        """The text of each code as people say it, as far as that is known here; it may be more than may be shown."""
        return self.values

    @property
    def readings(self) -> int:
        """A number that grows whenever a text may find other codes than before."""
        return len(self)

    def named(self, text: str) -> list[int]:
        """Return the codes of a text that somebody asks for: one, or none if nothing has it."""
        code = self._known.get(text, ABSENT)
        return [code] if code >= 0 else []

    def codes(self, values: "Strings | str", count: int) -> Int32s:
        """Return the code of each value, adding new ones: int32 of shape (count,).

        Absent and empty text is `ABSENT`; text that may not enter is `TOO_LONG`, `INVALID` (no UTF-8 form) or
        `DROPPED` (the dictionary is full).
        """
        return self._known.codes(values, count)

    def known_codes(self, values: pa.DictionaryArray) -> Int32s | None:
        """Do as `codes` for values that all have one already; else return None, and none gets any."""
        return self._known.known_codes(values)

    def forget(self, codes: Sequence[int]) -> None:
        """Forget the texts of some codes, which nothing has any more; the codes are given to no other text."""
        gone = set(codes)
        # A text may be known under several names, and all of them go.
        for text in [text for text, code in list(self._known.items()) if code in gone]:
            del self._known[text]
        for code in codes:
            self._values[code] = self._forgotten(code)
            self._known[self._values[code]] = code
        hi, lo, hashed = self._hashed
        # Who has hashes keeps them: those from the first of these codes on are worked out anew.
        self._hashed = hi.copy(), lo.copy(), min([hashed, *codes])

    def _forgotten(self, code: int) -> str:
        """Return what stands in the place of a text that was forgotten."""
        return f"(erased {code})"

    @property
    def hashes(self) -> Hashes:
        """Hashes of all values by code, two uint64 arrays of shape (size,)."""
        size = len(self.came)
        hi, lo, hashed = self._hashed
        if size > hashed:
            if size > len(hi):
                room = np.zeros(max(size, 2 * len(hi)) - len(hi), np.uint64)
                hi, lo = np.concatenate([hi, room]), np.concatenate([lo, room])
            new = hash_texts(buffers(large_strings(self.came[hashed:size])))
            hi[hashed:size], lo[hashed:size] = new
            self._hashed = hi, lo, size
        return Hashes(sealed(hi[:size]), sealed(lo[:size]))

    def _learn(self, text: str) -> int:
        refused = text_fault(text)
        if refused is not None:
            return refused
        if looks_like_mail(text):
            # Not kept under its own text: each look-up masks it anew, and the address stays out of memory.
            return self._known[self._mask(text)]
        if len(self._values) >= self._values_max:
            return DROPPED
        code = len(self._values)
        self._add(text)
        self._known[text] = code
        return code

    def _add(self, text: str) -> None:
        self._values.append(text)


def _mask_under(key: bytes) -> Callable[[str], str]:
    def mask(text: str) -> str:
        digest = hashlib.blake2s(text.encode(), key=key, person=b"homeval1", digest_size=8)
        return f"hashed:{digest.hexdigest()}"

    return mask


@dataclass(frozen=True)
class Dictionaries:
    """The dictionaries of a run; attributes get theirs when they are first met. ``make`` returns an empty one."""

    mask: Callable[[str], str]
    make: Callable[[Callable[[str], str]], Dictionary]
    verb: Dictionary
    activity: Dictionary
    course: Dictionary
    section: Dictionary
    answer: Dictionary
    origin: Dictionary
    attributes: dict[str, Dictionary] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)

    @classmethod
    def under(
        cls, key: bytes, make: Callable[[Callable[[str], str]], Dictionary] = Dictionary
    ) -> "Dictionaries":
        """Return empty dictionaries that mask addresses by a hash under ``key``."""
        mask = _mask_under(key)
        return cls(
            mask=mask,
            make=make,
            verb=make(mask),
            activity=make(mask),
            course=make(mask),
            section=make(mask),
            answer=make(mask),
            origin=Dictionary(mask),
        )

    def attribute(self, name: str) -> Dictionary:
        """Return the dictionary of an attribute, a new one if it was not met before."""
        if name not in self.attributes:
            self.attributes[name] = self.make(self.mask)
        return self.attributes[name]

    def identifying(self) -> set[str]:
        """Return the attributes that have, or ever had, more values than a group of people can share.

        They count for the identity of an event and are kept nowhere else: whole, because which values came first is
        an accident of order.
        """
        self.refused.update(
            name
            for name, one in list(self.attributes.items())  # another thread may meet a new one
            if len(one) > limits.ATTRIBUTE_VALUES_MAX
        )
        return self.refused

    @property
    def shown_attributes(self) -> dict[str, Dictionary]:
        """The attributes that may be asked about."""
        refused = self.identifying()
        return {name: one for name, one in list(self.attributes.items()) if name not in refused}
