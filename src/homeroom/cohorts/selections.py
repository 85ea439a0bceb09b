"""Conditions that were looked up, kept for as long as they mean the same.

To look a condition up means to walk through all values of its field, and a hundred definitions that are asked about a
few learners several times a second would do nothing else. What a condition means changes only when its field gets a
further value, or a value a name, so what was found is kept beside the number of these that there were.
"""

from typing import TypeAlias

from homeroom.cohorts.matching import Selection, resolve
from homeroom.cohorts.questions.rules import Conditions
from homeroom.errors import QuestionError
from homeroom.events.dictionary import Dictionaries, Dictionary

__all__ = ["Selections"]

_CODED = ("verb", "activity", "course", "section", "answer")
Stamp: TypeAlias = tuple[tuple[int, bool], ...]
"""Of each field of some conditions: how many values it has, and whether it may be asked about."""


class Selections:
    """Looks conditions up in the dictionaries of one state."""

    def __init__(self, dictionaries: Dictionaries) -> None:
        self._dictionaries = dictionaries
        self._found: dict[Conditions, tuple[Stamp, Selection]] = {}

    def of(self, where: Conditions) -> Selection:
        """Return what passes some conditions.

        Raises `QuestionError` for a field that there is not, or a value that nothing in the data has.
        """
        stamp = self._stamp(where)
        held = self._found.get(where)
        if held is None or held[0] != stamp:
            # A value that comes while it is looked up makes the stamp old, and no harm is done.
            held = self._found[where] = stamp, resolve(where, self._dictionaries)
        if held[1].notes:
            raise QuestionError(f"{' and '.join(map(str, where))}: {held[1].notes[0]}")
        return held[1]

    def _stamp(self, where: Conditions) -> Stamp:
        return tuple(self._values(condition.field) for condition in where)

    def _values(self, name: str) -> tuple[int, bool]:
        if name in _CODED:
            known: Dictionary = getattr(self._dictionaries, name)
            return known.readings, True
        values = self._dictionaries.attributes.get(name)
        if values is None:
            return 0, True
        return values.readings, name not in self._dictionaries.identifying()
