"""Who numbers entries, and how far one has come: origins and vectors.

An origin is one life of one node: its incarnation is drawn at random at every start, so a number is never used twice,
whatever was restored from wherever. A vector says of each origin up to which number its entries are there, without a
gap; vectors are joined and compared number by number.
"""

from collections.abc import ItemsView, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from homeroom.errors import InputError

__all__ = ["Origin", "Stream", "Token", "Vector"]


class Stream(StrEnum):
    """What is replicated under one rule."""

    CONTROL = "control"
    ANALYTIC = "analytic"
    DOCUMENT = "document"

    # That of an enumeration is a function in Python, and an origin is looked up at each step.
    __hash__ = str.__hash__


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
