"""What of an event may be written down: the last step of a node's door.

Ids become hashes (`homeroom.events.ids`); that costs one hash a distinct text, since the dictionaries of a door look at
each text once. Attributes come from an allow-list of names, and each has a bound of distinct values: one more than a
group of people can share, by which every node that folds them knows that there are too many, and hides the attribute.
What is not allowed is left out of the event, which counts all the same, and whoever sent it is told.

The texts behind the hashes are labels. The projection collects those of events that were taken, each once, for whoever
keeps labels. Those that were not kept, because their write failed, are collected again when they are met again.

The identity of an event was made before, of all that came (`homeroom.events.digests`): a list that is changed between
two tries of one batch makes no second event.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom import limits
from homeroom.events.dictionary import ABSENT, Dictionaries, Dictionary
from homeroom.events.ids import hashing_dictionaries
from homeroom.events.labels import KINDS
from homeroom.events.mapping import KNOWN_ATTRIBUTES
from homeroom.events.model import EventBatch, Int32s, Int64s
from homeroom.events.texts import sealed

__all__ = ["ATTRIBUTES_ALLOWED", "Cut", "Projection"]

ATTRIBUTES_ALLOWED: Final = frozenset(KNOWN_ATTRIBUTES)
"""The attributes that may be written down if a tenant says nothing else: those that every source may bring."""

_FRESH, _PASSES, _IS_CUT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Cut:
    """What was left out of events: which attribute, why, and of which lines (int64 of shape (n,))."""

    field: str
    why: str
    lines: Int64s


class _Marks:
    """A number for each code of a dictionary; of a code that was not met before it is 0."""

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self._marks = np.full(
            1, _PASSES, np.uint8
        )  # the place before the first is that of no value

    def of(self, codes: Int32s) -> npt.NDArray[np.uint8]:
        lacking = len(self.dictionary) + 1 - len(self._marks)
        if lacking > 0:
            room = max(lacking, len(self._marks))
            self._marks = np.concatenate([self._marks, np.zeros(room, np.uint8)])
        return self._marks[codes + 1]

    def fresh(self, codes: Int32s) -> list[int]:
        """Return the codes among these that were not met before, each once."""
        fresh = self.of(codes) == _FRESH
        return np.unique(codes[fresh]).tolist() if fresh.any() else []

    def mark(self, code: int, mark: int) -> None:
        self._marks[code + 1] = mark


class Projection:
    """What may be written down of one tenant's events. Used by its door alone, in the door's thread.

    Parameters
    ----------
    key : the tenant's, 32 bytes
    attributes : names of the attributes that are allowed

    Attributes
    ----------
    dictionaries : of the door; the texts come in, hashes are stored
    """

    def __init__(self, key: bytes, attributes: frozenset[str] = ATTRIBUTES_ALLOWED) -> None:
        self.dictionaries: Dictionaries = hashing_dictionaries(key)
        self._allowed = attributes
        self._full: frozenset[str] = frozenset()
        self._stored: dict[str, set[str]] = {}
        self._attributes: dict[str, _Marks] = {}
        self._ids = {kind: _Marks(getattr(self.dictionaries, kind)) for kind in KINDS}
        self._fresh: list[tuple[_Marks, int]] = []

    def allow(self, attributes: frozenset[str]) -> None:
        """Allow these attributes from now on."""
        self._allowed = attributes

    def resume(self, stored: Mapping[str, list[str]], full: frozenset[str]) -> None:
        """Go on from what was written down before: hashes of values by attribute, and those with too many."""
        self._stored = {name: set(values) for name, values in stored.items()}
        self._full = full

    def projected(self, batch: EventBatch, lines: Int64s) -> tuple[EventBatch, list[Cut]]:
        """Return what of a batch may be written down, and what was left out of it.

        Parameters
        ----------
        batch : with codes of the projection's dictionaries
        lines : of its events, in their order
        """
        for kind, marks in self._ids.items():
            codes: Int32s | None = getattr(batch, kind)
            if codes is not None:
                self._note(marks, codes)
        cuts: list[Cut] = []
        attributes: dict[str, Int32s] = {}
        for name, given in batch.attributes.items():
            codes = given
            if name not in self._allowed:
                why = "the attribute is not among those that may be kept; an administrator can allow it"
                _add_cut(cuts, Cut(name, why, lines[codes >= 0]))
                continue
            passes = self._passes(name, codes)
            if not passes.all():
                why = (
                    f"the attribute has more than {limits.ATTRIBUTE_VALUES_MAX:,} different values and could "
                    f"identify people; make it coarser"
                )
                _add_cut(cuts, Cut(name, why, lines[~passes]))
                codes = sealed(np.where(passes, codes, np.int32(ABSENT)))
            attributes[name] = codes
        return replace(batch, attributes=attributes), cuts

    def _passes(self, name: str, codes: Int32s) -> npt.NDArray[np.bool_]:
        """Return which values of an attribute may be written down; those that are absent may."""
        marks = self._attributes.get(name)
        if marks is None:
            marks = self._attributes[name] = _Marks(self.dictionaries.attribute(name))
        written = self._stored.setdefault(name, set())
        for code in marks.fresh(codes):
            hashed = marks.dictionary.stored[code]
            is_full = name in self._full or len(written) > limits.ATTRIBUTE_VALUES_MAX
            if is_full and hashed not in written:
                marks.mark(code, _IS_CUT)
                continue
            written.add(hashed)
            self._note_one(marks, code)
        passes: npt.NDArray[np.bool_] = marks.of(codes) == _PASSES
        return passes

    def _note(self, marks: _Marks, codes: Int32s) -> None:
        for code in marks.fresh(codes):
            self._note_one(marks, code)

    def _note_one(self, marks: _Marks, code: int) -> None:
        marks.mark(code, _PASSES)
        self._fresh.append((marks, code))

    # --- labels ------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin with a new group; labels of the one before that were not kept are collected again."""
        for marks, code in self._fresh:
            marks.mark(code, _FRESH)
        self._fresh.clear()

    @property
    def labels(self) -> dict[str, str]:
        """By hash the labels of ids that were not met before this group."""
        return {
            marks.dictionary.stored[code]: marks.dictionary.came[code]
            for marks, code in self._fresh
        }

    @property
    def met(self) -> int:
        """How many labels were met in this group so far."""
        return len(self._fresh)

    def leave_out(self, met: int, batch: EventBatch) -> None:
        """Take back the labels that were met since there were ``met``, and that no event of a batch has.

        The events that had them were cut. Who else comes with such an id has it met again.
        """
        columns = [(marks, getattr(batch, kind)) for kind, marks in self._ids.items()]
        columns += [(one, batch.attributes.get(name)) for name, one in self._attributes.items()]
        used = {
            id(marks): set(np.unique(codes).tolist())
            for marks, codes in columns
            if codes is not None
        }
        left = []
        for marks, code in self._fresh[met:]:
            if code in used.get(id(marks), ()):
                left.append((marks, code))
            else:
                marks.mark(code, _FRESH)
        self._fresh[met:] = left

    def labels_kept(self) -> None:
        """Take note that the labels of this group are kept."""
        self._fresh.clear()


def _add_cut(cuts: list[Cut], cut: Cut) -> None:
    if len(cut.lines):
        cuts.append(cut)
