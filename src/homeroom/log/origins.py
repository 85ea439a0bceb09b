"""Who numbers entries, and how far one has come: origins and vectors.

An origin is one life of one node: its incarnation is drawn at random at every start, so a number is never used twice,
whatever was restored from wherever. A vector says of each origin up to which number its entries are there, without a
gap; vectors are joined and compared number by number.

Documents of a learner whose home is another jurisdiction travel in a stream of their own by that jurisdiction: what is
replicated under one rule is one stream, and the rule of these names where they go. So there are as many such streams as
jurisdictions, and the enumeration takes in each when it is met first. The way not taken is one stream for all of them:
a node would then hold what is sealed for somebody else, or have gaps in what it holds.
"""

import re
from collections.abc import ItemsView, Iterator, Mapping
from enum import StrEnum
from typing import Final, NamedTuple

from homeroom import limits
from homeroom.errors import InputError

__all__ = ["Origin", "Stream", "Token", "Vector"]


_SEALED: Final = "sealed-"
_JURISDICTION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


class Stream(StrEnum):
    """What is replicated under one rule.

    Beside the four that are written here there is one for each jurisdiction to which documents are sealed elsewhere;
    see `sealed_for`. Iterating goes over the four.
    """

    CONTROL = "control"
    ANALYTIC = "analytic"
    PINNED = "pinned"
    DOCUMENT = "document"

    home: str
    """The jurisdiction for which what is in the stream is sealed, empty for one that is not sealed."""
    is_shared: bool
    """Whether all nodes have it: documents go to some, sealed or not, and so do events that are pinned."""
    has_events: bool
    """Whether it is folded: what learners did, pseudonymised, that goes everywhere or is pinned to a jurisdiction."""
    has_documents: bool
    """Whether it is what people wrote, sealed or not: it goes to a vault."""

    # That of an enumeration is a function in Python, and an origin is looked up at each step.
    __hash__ = str.__hash__

    def __init__(self, name: str) -> None:
        self.home = ""
        self.is_shared = name in ("control", "analytic")
        self.has_events, self.has_documents = name in ("analytic", "pinned"), name == "document"

    @classmethod
    def _missing_(cls, value: object) -> "Stream | None":
        """Return the stream of what is sealed for a jurisdiction, by its name; it is one object from then on."""
        is_named = isinstance(value, str) and value.startswith(_SEALED)
        if not is_named or not _JURISDICTION.fullmatch(str(value).removeprefix(_SEALED)):
            return None
        if (
            len(cls._value2member_map_) >= limits.STREAM_NAMES_MAX
        ):  # what others send must not fill the memory
            return None
        made = str.__new__(cls, value)
        made._name_, made._value_ = str(value), str(value)
        made.home, made.is_shared = str(value).removeprefix(_SEALED), False
        made.has_events, made.has_documents = False, True
        cls._value2member_map_[value] = made
        return made

    @classmethod
    def sealed_for(cls, home: str) -> "Stream":
        """Return the stream of documents that are sealed for a jurisdiction. Raises `ValueError` for no name of one."""
        return cls(f"{_SEALED}{home}")


class Origin(NamedTuple):
    """Who numbers entries: a node (its name), an incarnation (32 hexadecimal digits), a stream."""

    node: str
    incarnation: str
    stream: Stream

    def __str__(self) -> str:
        return f"{self.node}/{self.incarnation}/{self.stream}"

    @classmethod
    def parse(cls, text: str) -> "Origin":
        """Read what ``str`` wrote. Raises `ValueError`."""
        node, incarnation, stream = text.split("/")
        if not node or len(incarnation) != 32 or int(incarnation, 16) < 0:
            raise ValueError(text)
        return cls(node, incarnation, Stream(stream))


class Token(NamedTuple):
    """What an acknowledgement hands out, and a later read may ask to be after: an entry and its hybrid stamp."""

    origin: Origin
    number: int
    hybrid: int

    def __str__(self) -> str:
        return f"{self.origin}/{self.number}/{self.hybrid}"

    @classmethod
    def parse(cls, text: str) -> "Token":
        """Read what ``str`` wrote. Raises `InputError`."""
        try:
            origin, number, hybrid = text.rsplit("/", 2)
            return cls(Origin.parse(origin), int(number), int(hybrid))
        except ValueError:
            raise InputError(
                f"token is {text[:200]!r}; it must be one that an acknowledgement gave"
            ) from None


class Vector(Mapping[Origin, int]):
    """By origin the number of the last entry, all before it included; an origin that is not in it is at 0."""

    def __init__(self, numbers: Mapping[Origin, int] | None = None) -> None:
        self._numbers = {origin: n for origin, n in (numbers or {}).items() if n > 0}

    def __getitem__(self, origin: Origin) -> int:
        return self._numbers.get(origin, 0)

    def __iter__(self) -> Iterator[Origin]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vector) and self._numbers == other._numbers

    def __hash__(self) -> int:
        return hash(frozenset(self._numbers.items()))

    def items(self) -> ItemsView[Origin, int]:
        """Return the pairs, as those of a dictionary are: much is compared by them."""
        return self._numbers.items()

    def __repr__(self) -> str:
        return f"Vector({self.to_json()})"

    def covers(self, other: Mapping[Origin, int]) -> bool:
        """Say whether nothing that the other has is missing here."""
        if other is self:
            return True
        numbers = self._numbers
        # A loop, since this is asked for every answer that is kept.
        for origin, number in other.items():  # noqa: SIM110 - it takes half as long as a generator
            if numbers.get(origin, 0) < number:
                return False
        return True

    def joined(self, other: Mapping[Origin, int]) -> "Vector":
        """Return the least vector that covers both."""
        return Vector(
            {origin: max(self[origin], other.get(origin, 0)) for origin in {*self, *other}}
        )

    def advanced(self, origin: Origin, number: int) -> "Vector":
        """Return the vector with the next entry of an origin."""
        assert number == self[origin] + 1, "entries are taken in order, without gaps"
        return Vector({**self._numbers, origin: number})

    def to_json(self) -> dict[str, int]:
        """Return the numbers by the text of their origin, in the order of these."""
        return {str(origin): number for origin, number in sorted(self._numbers.items())}

    @classmethod
    def from_json(cls, numbers: Mapping[str, int]) -> "Vector":
        """Read what `to_json` wrote. Raises `ValueError`."""
        return cls({Origin.parse(text): number for text, number in numbers.items()})
