"""What hashed ids stand for, where that is known: labels, and who is shown them.

State holds hashes (`homeroom.events.ids`), and people think in names. At home the vault has the label of each hash, the
text as it came; a text that everybody may know (a verb of the verb table, an id that is registered) needs no vault,
since its hash can be computed. So a dictionary of hashes has three readings:

- ``stored``, the hash: what is folded, fingerprinted, sent;
- ``spoken``, the label where it is known here: questions are matched with it, so that an answer never depends on who
  asks for it;
- ``values`` of a view (`shown`): the label where whoever asks may see it, else the hash.

A question that names an id finds it by its hash, label or no label. The way not taken is to translate questions before
they are evaluated and answers afterwards: there are too many places in either that hold an id, and one that was
forgotten would show a name.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from homeroom.events.dictionary import Dictionaries, Dictionary, Hashes, text_fault
from homeroom.events.ids import IdHasher, is_hashed
from homeroom.events.model import Int32s, Strings

__all__ = ["ATTRIBUTE_KIND", "KINDS", "Labels", "labelled_dictionaries", "shown", "take_plain"]

KINDS: Final = ("verb", "activity", "course", "section", "answer")
"""The dictionaries of texts; attributes have one each, of the kind `ATTRIBUTE_KIND`."""
ATTRIBUTE_KIND: Final = "attribute"


class Labels:
    """The labels of one tenant. They are added and never taken back; any thread may ask.

    Parameters
    ----------
    hasher : of the tenant's ids
    known : returns texts that everybody may know; their hashes are computed when a label is first asked for

    Attributes
    ----------
    mark : a number that is equal where the same labels are there. Threads that add at once may each spoil it: then
        it is equal nowhere else
    """

    def __init__(self, hasher: IdHasher, known: Callable[[], Iterable[str]] = tuple) -> None:
        self.hasher = hasher
        self._known: Callable[[], Iterable[str]] | None = known
        self._texts: dict[str, str] = {}
        self.mark = 0

    def __len__(self) -> int:
        """Return how many labels there are."""
        return len(self._texts)

    def after(self, count: int) -> list[str]:
        """Return the labels that were added after so many, in the order in which they were."""
        return list(self._texts.values())[count:]

    def add(self, texts: Iterable[str]) -> None:
        """Take texts as the labels of their hashes."""
        known = self._texts
        for text in texts:
            hashed = self.hasher.hashed(text)
            if hashed not in known:
                known[hashed] = text
                self.mark ^= int.from_bytes(hashed.encode(), "big")

    def know(self, known: Callable[[], Iterable[str]]) -> None:
        """Have these texts, and no others beside those that were added, as texts that everybody may know."""
        self._known = known

    def of(self, hashed: str) -> str | None:
        """Return the label of a hash, None if it is not known here."""
        known = self._known
        if known is not None:
            self.add(known())
            if self._known is known:
                self._known = None
        return self._texts.get(hashed)


class _Read(NamedTuple):
    """Texts by code, codes whose label was not known, and how many labels there were."""

    texts: list[str]
    missing: list[int]
    labels: int


class _Reading:
    """Texts by code, read again where a dictionary or the labels have grown.

    What was read is exchanged whole: threads that read at the same time do some work twice, and no harm.
    """

    def __init__(self) -> None:
        self._read = _Read([], [], -1)

    def read(
        self, stored: list[str], labels: Labels, may_show: Callable[[str], bool] | None
    ) -> list[str]:
        """Return the label of each code, where it is known and may be shown; else what is stored."""
        before, count = self._read, len(stored)
        labels.of("")  # those that everybody may know are there from here on
        if len(before.texts) == count and len(labels) == before.labels:
            return before.texts
        texts, missing = [*before.texts, *stored[len(before.texts) : count]], []
        known = len(labels)
        fresh = range(len(before.texts), count)
        for code in (*(before.missing if known != before.labels else ()), *fresh):
            text = labels.of(stored[code])
            if text is None:
                missing.append(code)
            elif may_show is None or may_show(text):
                texts[code] = text
        if known == before.labels:
            missing = [*before.missing, *missing]
        self._read = _Read(texts, missing, known)
        return texts


class _LabelledDictionary(Dictionary):
    """Stores hashes, and knows their labels. Text that comes as itself is hashed."""

    def __init__(self, mask: Callable[[str], str], labels: Labels) -> None:
        super().__init__(mask)
        self._labels = labels
        self._spoken = _Reading()
        self._shown: tuple[object, _Reading] = (None, _Reading())
        self._plain: list[str] | None = []

    @property
    def spoken(self) -> list[str]:
        return self._spoken.read(self._values, self._labels, None)

    def shown(self, stamp: object, may_show: Callable[[str], bool]) -> list[str]:
        """Return labels where they may be shown, else hashes; ``stamp`` changes when that does."""
        of, reading = self._shown
        if of is not stamp:
            reading = _Reading()
            self._shown = stamp, reading
        return reading.read(self._values, self._labels, may_show)

    @property
    def readings(self) -> int:
        return len(self) + len(self._labels)

    def named(self, text: str) -> list[int]:
        names = {text, self._labels.hasher.hashed(text)} if text_fault(text) is None else set()
        codes = (self._known.get(name, -1) for name in names)
        return sorted({code for code in codes if code >= 0})

    def _learn(self, text: str) -> int:
        if not text or is_hashed(text):
            return super()._learn(text)
        refused = text_fault(text)
        if refused is not None:
            return refused
        code = self._known[self._labels.hasher.hashed(text)]
        if code >= 0:
            self._known[text] = code
            if self._plain is not None:
                self._plain.append(text)
        return code

    def forget(self, codes: Sequence[int]) -> None:
        super().forget(codes)
        self._spoken, self._shown = _Reading(), (None, _Reading())

    def _forgotten(self, code: int) -> str:
        # It is written down among hashes, and must look like one when it is read again.
        return self._labels.hasher.hashed(super()._forgotten(code))

    def take_plain(self) -> list[str]:
        """Return the texts that came as themselves so far; from now on they are not noted."""
        plain, self._plain = self._plain or [], None
        return plain


class _View(Dictionary):
    """A labelled dictionary as somebody may see it."""

    def __init__(self, of: Dictionary, values: Callable[[], list[str]]) -> None:
        self._of = of
        self._read = values

    def __len__(self) -> int:
        return len(self._of)

    @property
    def values(self) -> list[str]:
        return self._read()

    @property
    def stored(self) -> list[str]:
        return self._of.stored

    @property
    def came(self) -> list[str]:
        return self._of.came

    @property
    def spoken(self) -> list[str]:
        return self._of.spoken

    @property
    def hashes(self) -> Hashes:
        return self._of.hashes

    @property
    def readings(self) -> int:
        return self._of.readings

    def named(self, text: str) -> list[int]:
        return self._of.named(text)

    def codes(self, values: "Strings | str", count: int) -> Int32s:
        return self._of.codes(values, count)


def labelled_dictionaries(key: bytes, labels: Labels) -> Dictionaries:
    """Return empty dictionaries of hashed ids, with the labels of a tenant. ``key`` masks what looks like mail."""
    return Dictionaries.under(key, lambda mask: _LabelledDictionary(mask, labels))


def take_plain(dictionaries: Dictionaries) -> dict[str, list[str]]:
    """Return by kind the texts that came to labelled dictionaries as themselves; from now on they are not noted."""
    found: dict[str, list[str]] = {}
    named = [(kind, getattr(dictionaries, kind)) for kind in KINDS]
    named += [(ATTRIBUTE_KIND, one) for one in dictionaries.attributes.values()]
    for kind, one in named:
        if isinstance(one, _LabelledDictionary):
            found.setdefault(kind, []).extend(one.take_plain())
    return found


def shown(
    dictionaries: Dictionaries,
    may_show: Callable[[str, str], bool] | None = None,
    stamp: object = None,
) -> Dictionaries:
    """Return dictionaries as somebody may see them; those that hold no hashes as they are.

    Parameters
    ----------
    dictionaries : of a state
    may_show : says of a kind (`KINDS`, `ATTRIBUTE_KIND`) and a label whether it may be shown; None is all of them
    stamp : another one whenever ``may_show`` says something else
    """

    def view(kind: str, one: Dictionary) -> Dictionary:
        if not isinstance(one, _LabelledDictionary):
            return one
        if may_show is None:
            return _View(one, lambda: one.spoken)
        return _View(one, lambda: one.shown(stamp, lambda text: may_show(kind, text)))

    views: dict[str, Any] = {kind: view(kind, getattr(dictionaries, kind)) for kind in KINDS}
    views["attributes"] = {
        name: view(ATTRIBUTE_KIND, one) for name, one in list(dictionaries.attributes.items())
    }
    return replace(dictionaries, **views)
