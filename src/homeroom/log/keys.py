"""Keys by which clients are known, and what is stated of them.

A key is stated by what is needed to know it again: the part by which it is found, and a hash of the whole. Whoever
reads the control stream can therefore give nobody a key. Revocation only grows: of several the earliest counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.checked import check_count, check_name

__all__ = ["Key", "KeyCreated", "KeyRevoked", "Scope", "check_key"]


class Scope(StrEnum):
    """What a key may do.

    ``read`` asks questions whose answers are numbers; ``aggregate`` only those in which small numbers are left out;
    ``labels`` adds the texts of ids that are not registered, ``persons`` these and who the learners are.
    """

    READ = "read"
    AGGREGATE = "aggregate"
    WRITE = "write"
    ADMIN = "admin"
    PERSONS = "persons"
    LABELS = "labels"
    XAPI = "xapi"


class KeyCreated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="key"):
    """A key is there. Its secret is not: only who holds it knows it.

    Parameters
    ----------
    prefix : the part of the key by which it is found
    name : what people call it; a record-store client gives it as its user
    digest : SHA-256 of the whole key, 32 bytes
    tenant : whose events it sends and sees
    owner : whose batch ids are told apart; a key that takes the place of another keeps its owner
    scopes : what it may do
    courses, organisations : if any are named, it sees only these course runs, and learners of these organisations
    expires_ms : from this instant on it is none, None for never
    """

    prefix: str
    name: str
    digest: bytes
    tenant: str
    owner: str
    scopes: tuple[Scope, ...]
    courses: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    expires_ms: int | None = None


class KeyRevoked(msgspec.Struct, frozen=True, kw_only=True, tag="key-revoked"):
    """A key is none from ``at_ms`` on; if that is not later than now, at once and whatever a clock says afterwards.

    Of several revocations the earliest counts: none can be taken back.
    """

    prefix: str
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key as it is now; the fields are those of `KeyCreated`, and when it was created and is revoked."""

    prefix: str
    name: str
    digest: bytes
    tenant: str
    owner: str
    scopes: frozenset[Scope]
    courses: tuple[str, ...]
    organisations: tuple[str, ...]
    created_ms: int
    expires_ms: int | None = None
    revoked_ms: int | None = None

    def is_valid(self, now_ms: int) -> bool:
        """Say whether it opens anything at an instant."""
        expires_ms, revoked_ms = self.expires_ms, self.revoked_ms
        return (expires_ms is None or now_ms < expires_ms) and (
            revoked_ms is None or now_ms < revoked_ms
        )


def check_key(keys: Mapping[str, Key], fact: KeyCreated) -> None:
    """Raise `ControlError` for a key that makes no sense beside those there are, by prefix."""
    check_name("key", fact.name)
    check_count("keys", len(keys) + 1, limits.KEYS_MAX)
    if fact.prefix in keys:
        raise ControlError(f"there is a key {fact.prefix} already; draw another one")
    if not fact.scopes:
        raise ControlError(f"key {fact.name!r} has no scopes; give it some of {', '.join(Scope)}")
    others = {key.tenant for key in keys.values() if key.name == fact.name} - {fact.tenant}
    if others:
        raise ControlError(
            f"a key {fact.name!r} is there for the tenant {min(others)!r}; choose another name"
        )
    named = len(fact.courses) + len(fact.organisations)
    check_count("courses and organisations of a key", named, limits.KEY_PLACES_MAX)
