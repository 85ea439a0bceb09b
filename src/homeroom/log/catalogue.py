"""Facts about ids: which of them anybody may read, and which attributes may be kept.

All ids travel as hashes (`homeroom.events.ids`), and the texts behind them stay in the vault of their jurisdiction.
What is registered here changes none of that. It says which texts are no secret, so that answers show them to everybody
who may ask: the names of courses, say. A name that ends in ``*`` is a prefix of texts. A registered name stands in the
control stream, where nothing may name a person; so an administrator decides on it, and not a rule.

Attributes have an allow-list of names: all those that sources may bring, but for some that were withdrawn. It decides
what a door lets in, so an entry's events are judged by the list of the epoch that the entry names, whenever and
wherever they are looked at: the lists of before stay known.

The way not taken is a register that travels with its texts and turns hashes into texts from then on: the same id would
have two forms for ever (``docs/decisions/0012-all-ids-travel-as-hashes.md``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final, TypeAlias

import msgspec

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.events.projection import ATTRIBUTES_ALLOWED

__all__ = [
    "Catalogue",
    "CatalogueFact",
    "IdKind",
    "IdsRegistered",
    "IdsWithdrawn",
    "check_catalogue",
    "folded_catalogue",
]


class IdKind(StrEnum):
    """What an id is an id of; of attributes it is their names that are registered."""

    VERB = "verb"
    ACTIVITY = "activity"
    COURSE = "course"
    SECTION = "section"
    ANSWER = "answer"
    ATTRIBUTE = "attribute"


class IdsRegistered(msgspec.Struct, frozen=True, kw_only=True, tag="ids-registered"):
    """Anybody may read these ids of a tenant, a prefix where a name ends in ``*``; or these attributes may be kept."""

    tenant: str
    kind: IdKind
    names: tuple[str, ...]


class IdsWithdrawn(msgspec.Struct, frozen=True, kw_only=True, tag="ids-withdrawn"):
    """These names are registered no longer."""

    tenant: str
    kind: IdKind
    names: tuple[str, ...]


CatalogueFact: TypeAlias = IdsRegistered | IdsWithdrawn

_NONE: Final[frozenset[str]] = frozenset()


@dataclass(frozen=True)
class Catalogue:
    """What is registered of one tenant.

    Parameters
    ----------
    names : by kind, attributes left out
    attributes : from which epoch on which names of attributes may be kept, oldest first
    """

    names: Mapping[IdKind, frozenset[str]] = field(default_factory=dict)
    attributes: tuple[tuple[int, frozenset[str]], ...] = ((0, ATTRIBUTES_ALLOWED),)

    @property
    def allowed(self) -> frozenset[str]:
        """The names of attributes that may be kept now."""
        return self.attributes[-1][1]

    def allowed_at(self, epoch: int) -> frozenset[str]:
        """Return the names of attributes that might be kept at an epoch."""
        return next(names for since, names in reversed(self.attributes) if since <= epoch)

    def registered(self, kind: IdKind) -> frozenset[str]:
        """Return what is registered of a kind now."""
        return self.allowed if kind is IdKind.ATTRIBUTE else self.names.get(kind, _NONE)

    def covers(self, kind: str, text: str) -> bool:
        """Say whether anybody may read a text; values of attributes that may be kept may be read."""
        if kind == IdKind.ATTRIBUTE:
            return True
        exact, prefixes = self._found.get(kind, (_NONE, ()))
        return text in exact or text.startswith(prefixes)

    @cached_property
    def _found(self) -> dict[str, tuple[frozenset[str], tuple[str, ...]]]:
        return {
            kind: (names, tuple(name[:-1] for name in names if name.endswith("*")))
            for kind, names in self.names.items()
        }

    @property
    def whole(self) -> list[str]:
        """The registered ids that are no prefixes."""
        return [name for names in self.names.values() for name in names if not name.endswith("*")]


def check_catalogue(catalogue: Catalogue, fact: CatalogueFact) -> None:
    """Raise `ControlError` for a fact that makes no sense here."""
    kind, known = fact.kind, catalogue.registered(fact.kind)
    if not 0 < len(fact.names) <= limits.CATALOGUE_NAMES_MAX:
        raise ControlError(
            f"{len(fact.names):,} names of {kind} are given; give from 1 to {limits.CATALOGUE_NAMES_MAX:,}"
        )
    if isinstance(fact, IdsWithdrawn):
        missing = sorted(set(fact.names) - known)
        if missing:
            raise ControlError(
                f"{kind} {missing[0]!r} is not registered; homeroom catalogue list shows what is"
            )
    elif kind is IdKind.ATTRIBUTE:
        unknown = sorted(set(fact.names) - ATTRIBUTES_ALLOWED)
        if unknown:
            raise ControlError(
                f"attribute {unknown[0]!r} is none that an event may bring; it must be one of "
                f"{', '.join(sorted(ATTRIBUTES_ALLOWED))}"
            )
    else:
        _check_ids(kind, fact.names, known)


def _check_ids(kind: IdKind, names: tuple[str, ...], known: frozenset[str]) -> None:
    count, count_max = len(known | set(names)), limits.CATALOGUE_NAMES_MAX
    if count > count_max:
        raise ControlError(
            f"there would be {count:,} registered names of {kind}, at most {count_max:,} are allowed; a prefix and * "
            f"stands for many"
        )
    for name in names:
        _check_name(kind, name)
    size_bytes = sum(len(name.encode()) for name in names)
    if size_bytes > limits.CONTROL_BYTES_MAX:
        raise ControlError(
            f"the names come to {size_bytes:,} bytes, at most {limits.CONTROL_BYTES_MAX:,} are allowed at once; "
            f"register them in parts"
        )


def _check_name(kind: IdKind, name: str) -> None:
    bytes_max = limits.TEXT_BYTES_MAX
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        size_bytes = bytes_max + 1
    if not name.isprintable() or not 0 < size_bytes <= bytes_max or not name.strip("*"):
        raise ControlError(
            f"a registered {kind} is {name[:80]!r}; it must be printable, of 1 to {bytes_max} bytes of UTF-8, and more "
            f"than *"
        )


def folded_catalogue(catalogue: Catalogue, fact: CatalogueFact, epoch: int) -> Catalogue:
    """Return the catalogue after a fact with the number ``epoch``."""
    given = frozenset(fact.names)
    known = catalogue.registered(fact.kind)
    after = known | given if isinstance(fact, IdsRegistered) else known - given
    if fact.kind is IdKind.ATTRIBUTE:
        return replace(catalogue, attributes=(*catalogue.attributes, (epoch, after)))
    return replace(catalogue, names={**catalogue.names, fact.kind: after})
