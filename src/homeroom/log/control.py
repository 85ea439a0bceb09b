"""What a node is told about itself: tenants, keys, definitions, verb tables; and what all of that adds up to.

These facts decide what events mean and who may see what, so all nodes must know the same of them, in the same order.
They are a stream of their own, with one writer and a number for each change, the *epoch*. An entry of events names the
epoch under which it was admitted; so its events are read the same everywhere, whenever.

A fact is small plain data. `Control` is what the facts so far add up to; folding a change gives a new one, and the old
one stays what it was: whoever answers a question keeps hold of one, and is not disturbed. Folding never raises: a
change that makes no sense is refused by `Control.check` before it is written, and what is written counts.

Definitions stand here as they were written (plain data of TOML or JSON): what they mean is the affair of the room of
cohorts, which this one does not know. Nothing is forgotten of them: each name keeps its versions, who wrote them, when.

The way not taken is a table of settings that is overwritten: yesterday's report could not be explained with it, and two
regions could not tell whose was the later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from homeroom import limits
from homeroom.errors import ControlError, EntryError
from homeroom.log.catalogue import (
    Catalogue,
    CatalogueFact,
    IdsRegistered,
    IdsWithdrawn,
    check_catalogue,
    folded_catalogue,
)
from homeroom.log.checked import check_count, check_name, size_of_definition
from homeroom.log.compliance import (
    Compliance,
    ComplianceFact,
    check_compliance,
    folded_compliance,
)
from homeroom.log.consents import Need
from homeroom.log.cuts import CutFact, Cuts, HistoryCut, HistoryKept, check_cut, folded_cut
from homeroom.log.homes import Homes, HomesPut, check_homes, folded_homes
from homeroom.log.keys import Key, KeyCreated, KeyRevoked, Scope, check_key
from homeroom.log.members import MemberFact, Membership, check_member, folded_member
from homeroom.log.rulings import RulingFact, folded_ruling
from homeroom.log.users import User, UserFact, check_user, folded_user
from homeroom.log.webhooks import (
    Webhook,
    WebhookCreated,
    WebhookFact,
    check_webhook,
    folded_webhook,
)

__all__ = [
    "MAIN",
    "AuditAnchored",
    "Change",
    "Control",
    "DefinitionDeleted",
    "DefinitionKind",
    "DefinitionPut",
    "Fact",
    "HomesPut",
    "Key",
    "KeyCreated",
    "KeyRevoked",
    "Readmitted",
    "Scope",
    "Tenant",
    "TenantPut",
    "VerbsPut",
    "Version",
    "read_changes",
    "write_changes",
]

_KEY_DIGITS: Final = 32
_DIGITS: Final = frozenset("0123456789abcdef")
_K = TypeVar("_K")
_V = TypeVar("_V")


MAIN: Final = "main"
"""The first tenant, whose directory is the node's own: an ``admin`` of it runs the node."""


class DefinitionKind(StrEnum):
    """What a definition defines: the parts of a file of definitions (``docs/reference/cohorts.md``)."""

    COHORT = "cohort"
    LIST = "list"
    CALENDAR = "calendar"


# --- facts -----------------------------------------------------------------------------------------------------------


class TenantPut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="tenant"):
    """A tenant is there, or has other terms from now on.

    Parameters
    ----------
    name : of the tenant
    timezone : IANA name of the zone in which its days are cut
    regions, jurisdiction : of a pinned tenant where its events are accepted; an open tenant has neither
    pins_events : whether its events go to the nodes of that jurisdiction alone; said when it is stated first, for good
    suppress_below : whoever may not see persons is told no count from 1 up to this, excluded
    """

    name: str
    timezone: str = "UTC"
    regions: tuple[str, ...] = ()
    jurisdiction: str = ""
    pins_events: bool = False
    suppress_below: int = limits.SUPPRESS_BELOW


class DefinitionPut(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="definition"
):
    """A definition says this from now on.

    ``follows`` is the version that its author had before the eyes, 0 for none; None for whichever.
    """

    tenant: str
    kind: DefinitionKind
    name: str
    written: dict[str, Any]
    follows: int | None = None


class DefinitionDeleted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="definition-deleted"
):
    """A definition is none from now on. Its versions stay known."""

    tenant: str
    kind: DefinitionKind
    name: str
    follows: int | None = None


class VerbsPut(msgspec.Struct, frozen=True, kw_only=True, tag="verbs"):
    """A tenant's own verb table is this TOML text from now on (``docs/reference/verbs.md``)."""

    tenant: str
    toml: str


class Readmitted(msgspec.Struct, frozen=True, kw_only=True, tag="readmitted"):
    """Accounts behind erased raw keys may come again, from an instant on, as new subjects.

    ``keys`` are 32 hexadecimal digits each. Of several for one key the earliest counts: none can be taken back.
    """

    tenant: str
    keys: tuple[str, ...]
    from_ms: int


class AuditAnchored(msgspec.Struct, frozen=True, kw_only=True, tag="audit-anchor"):
    """The audit log of the node that states this had so many records, of which the last has this digest (hexadecimal).

    It stands in the log so that an audit log whose end was cut off does not look like a whole one.
    """

    node: str
    records: int
    digest: str


_PartFact: TypeAlias = (
    CatalogueFact | ComplianceFact | CutFact | HomesPut | WebhookFact | MemberFact | UserFact
)
Fact: TypeAlias = (
    TenantPut
    | KeyCreated
    | KeyRevoked
    | DefinitionPut
    | DefinitionDeleted
    | VerbsPut
    | AuditAnchored
    | Readmitted
    | _PartFact
)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A fact, who stated it (the name of a key, or ``command line``), and when: milliseconds since 1970 UTC."""

    fact: Fact
    author: str
    at_ms: int


_encode = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Change]).decode


def write_changes(changes: list[Change]) -> bytes:
    """Return the content of a control entry."""
    return _encode(changes)


def read_changes(content: bytes) -> list[Change]:
    """Return what `write_changes` wrote. Raises `EntryError`."""
    try:
        return _decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise EntryError(
            f"the changes of a control entry cannot be read ({type(error).__name__})"
        ) from error


# --- what they add up to ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A tenant as it is now.

    The fields are those of `TenantPut`; ``verbs`` is its own verb table, empty for none, ``keep_days`` for how many
    days its history is kept, 0 for ever.
    """

    name: str
    timezone: str
    regions: tuple[str, ...]
    suppress_below: int
    jurisdiction: str = ""
    pins_events: bool = False
    verbs: str = ""
    keep_days: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a definition: numbered from 1 by name; ``written`` is None where it was deleted."""

    number: int
    written: Mapping[str, Any] | None
    author: str
    at_ms: int
    epoch: int


_EMPTY: Final = Catalogue()
_NOTHING_STATED: Final = Compliance()
DefinitionName: TypeAlias = tuple[str, DefinitionKind, str]
"""Tenant, kind and name."""


@dataclass(frozen=True)
class Control:
    """What the facts up to an epoch add up to.

    Attributes
    ----------
    epoch : number of the last change, 0 before the first
    tenants : by name
    keys : by prefix, those that are none any more included
    versions : of every definition that there ever was, oldest first
    webhooks : by id, those that there are
    catalogues : by tenant what is registered of its ids; ask `catalogue`
    members : the nodes of the world; none are named where there is one
    readmitted : by tenant the raw keys (16 bytes) whose accounts may come again, and from when on
    anchors : by node where its audit log was last known to be
    cuts : by tenant the last cut of its history
    compliance : by tenant its purposes and the requests of its persons
    homes : by tenant where its learners have their home; ask `homes_of`
    users : by name those who may sign in to the pages
    """

    epoch: int = 0
    tenants: Mapping[str, Tenant] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    versions: Mapping[DefinitionName, tuple[Version, ...]] = field(default_factory=dict)
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)
    catalogues: Mapping[str, Catalogue] = field(default_factory=dict)
    members: Membership = field(default_factory=Membership)
    readmitted: Mapping[str, Mapping[bytes, int]] = field(default_factory=dict)
    anchors: Mapping[str, AuditAnchored] = field(default_factory=dict)
    cuts: Cuts = field(default_factory=dict)
    compliance: Mapping[str, Compliance] = field(default_factory=dict)
    homes: Mapping[str, Homes] = field(default_factory=dict)
    users: Mapping[str, User] = field(default_factory=dict)

    # --- asked ---

    def definitions(self, tenant: str, kind: DefinitionKind) -> dict[str, Version]:
        """Return the definitions of a kind that a tenant has now, by name, in the order of these."""
        return self._current.get((tenant, kind), {})

    @cached_property
    def _current(self) -> dict[tuple[str, DefinitionKind], dict[str, Version]]:
        current: dict[tuple[str, DefinitionKind], dict[str, Version]] = {}
        for (tenant, kind, name), versions in sorted(self.versions.items()):
            if versions[-1].written is not None:
                current.setdefault((tenant, kind), {})[name] = versions[-1]
        return current

    def catalogue(self, tenant: str) -> Catalogue:
        """Return what is registered of the ids of a tenant."""
        return self.catalogues.get(tenant, _EMPTY)

    def homes_of(self, tenant: str) -> Homes | None:
        """Return where the learners of an open tenant have their home, None where that is wherever they are taken."""
        terms = self.tenants.get(tenant)
        is_pinned = terms is None or terms.regions or terms.jurisdiction
        return None if is_pinned else self.homes.get(tenant)

    def pins_events(self, tenant: str) -> bool:
        """Say whether a tenant's events go to the nodes of its jurisdiction alone."""
        terms = self.tenants.get(tenant)
        return terms is not None and terms.pins_events

    def is_elsewhere(self, tenant: str, node: str) -> bool:
        """Say whether a node of a world has nothing of a tenant, because its events stay in another jurisdiction."""
        terms = self.tenants.get(tenant)
        if terms is None or not terms.pins_events:
            return False
        return self.members.jurisdictions.get(node) != terms.jurisdiction

    def regions_of(self, tenant: str) -> tuple[str, ...]:
        """Return the regions in which a pinned tenant's data are; those of its jurisdiction are those of its nodes."""
        terms = self.tenants[tenant]
        nodes = self.members.nodes.values()
        known = {one.region for one in nodes if one.jurisdiction == terms.jurisdiction}
        return terms.regions or tuple(sorted(known))

    def purposes(self, tenant: str) -> Mapping[str, Need]:
        """Return what each purpose of a tenant needs."""
        return self.compliance.get(tenant, _NOTHING_STATED).purposes

    def history(self, tenant: str, kind: DefinitionKind, name: str) -> tuple[Version, ...]:
        """Return the versions of a definition, oldest first; none if there never was one."""
        return self.versions.get((tenant, kind, name), ())

    def keys_named(self, name: str) -> list[Key]:
        """Return the keys of a name, the newest first, those that are none any more included."""
        named = [key for key in self.keys.values() if key.name == name]
        return sorted(named, key=lambda key: (-key.created_ms, key.prefix))

    # --- refused ---

    def check(self, fact: Fact) -> None:
        """Raise `ControlError` for a fact that makes no sense here; what a rule means is not looked at."""
        match fact:
            case TenantPut():
                check_count("tenants", len({*self.tenants, fact.name}), limits.TENANTS_MAX)
                check_name("tenant", fact.name)
                self._check_pinned(fact)
            case KeyCreated():
                self._check_tenant(fact.tenant)
                check_key(self.keys, fact)
            case KeyRevoked():
                if fact.prefix not in self.keys:
                    raise ControlError(
                        f"there is no key {fact.prefix!r}; homeroom keys list shows those there are"
                    )
            case DefinitionPut() | DefinitionDeleted():
                self._check_definition(fact)
            case VerbsPut() | AuditAnchored() | Readmitted():
                self._check_small(fact)
            case _:
                self._check_part(fact)

    def _check_pinned(self, fact: TenantPut) -> None:
        """Refuse what would have events go where they were said not to, or stay where they have gone already."""
        before = self.tenants.get(fact.name)
        if fact.pins_events and not fact.jurisdiction:
            raise ControlError(
                f"the events of {fact.name!r} are to stay in a jurisdiction; say in which"
            )
        if before is None:
            return
        if fact.pins_events != before.pins_events:
            where = f"stay in {before.jurisdiction}" if before.pins_events else "go to every node"
            raise ControlError(
                f"events of {fact.name!r} {where}, which was said when it was stated first and is so for good; state a "
                f"tenant of another name"
            )
        if fact.pins_events and fact.jurisdiction != before.jurisdiction:
            raise ControlError(
                f"events of {fact.name!r} stay in {before.jurisdiction} for good, so it cannot be pinned elsewhere; "
                f"state a tenant of another name"
            )

    def _check_part(self, fact: _PartFact) -> None:
        """Refuse a fact of which another module knows more."""
        if isinstance(fact, MemberFact | UserFact):
            self._check_belonging(fact)
            return
        if isinstance(fact, WebhookCreated | CatalogueFact | CutFact | ComplianceFact | HomesPut):
            self._check_tenant(fact.tenant)
        if isinstance(fact, IdsRegistered | IdsWithdrawn):
            check_catalogue(self.catalogue(fact.tenant), fact)
        elif isinstance(fact, ComplianceFact):
            check_compliance(self.compliance.get(fact.tenant, _NOTHING_STATED), fact)
        elif isinstance(fact, CutFact):
            if self.pins_events(fact.tenant):
                raise ControlError(
                    f"events of {fact.tenant!r} stay in {self.tenants[fact.tenant].jurisdiction}, and a cut would name "
                    f"them to every node; its history cannot be cut yet"
                )
            check_cut(self.cuts, fact)
        elif isinstance(fact, HomesPut):
            laws = {one.jurisdiction for one in self.members.nodes.values()}
            check_homes(fact, self.members.seal_keys, laws)
        else:
            check_webhook(self.webhooks, fact)

    def _check_belonging(self, fact: MemberFact | UserFact) -> None:
        if isinstance(fact, UserFact):
            check_user(self.users, self.tenants, fact)
        else:
            check_member(self.members, fact)

    def _check_small(self, fact: VerbsPut | AuditAnchored | Readmitted) -> None:
        if isinstance(fact, AuditAnchored):
            check_name("node", fact.node)
            return
        self._check_tenant(fact.tenant)
        if isinstance(fact, VerbsPut):
            check_count("bytes of a verb table", len(fact.toml), limits.CONTROL_BYTES_MAX)
            return
        check_count("keys readmitted", len(fact.keys), limits.ERASED_KEYS_MAX)
        if any(len(key) != _KEY_DIGITS or not set(key) <= _DIGITS for key in fact.keys):
            raise ControlError("a raw key that is readmitted must be 32 hexadecimal digits")

    def _check_tenant(self, name: str) -> None:
        if name not in self.tenants:
            known = ", ".join(sorted(self.tenants)[:10]) or "none"
            raise ControlError(f"there is no tenant {name!r}; there are: {known}")

    def _check_definition(self, fact: DefinitionPut | DefinitionDeleted) -> None:
        self._check_tenant(fact.tenant)
        check_name(fact.kind, fact.name)
        current = self.definitions(fact.tenant, fact.kind)
        now = current[fact.name].number if fact.name in current else 0
        if fact.follows is not None and fact.follows != now:
            is_at = f"at version {now}" if now else "not there"
            raise ControlError(
                f"{fact.kind} {fact.name!r} is {is_at}, and the change was made to version {fact.follows}; "
                f"read it again and decide anew"
            )
        if isinstance(fact, DefinitionDeleted):
            if not now:
                raise ControlError(f"there is no {fact.kind} {fact.name!r}")
            return
        check_count(f"{fact.kind}s", len({*current, fact.name}), limits.COHORTS_MAX)
        check_count(
            "bytes of a definition", size_of_definition(fact.written), limits.CONTROL_BYTES_MAX
        )

    # --- folded ---

    def folded(self, change: Change, epoch: int) -> "Control":
        """Return what the facts add up to with one more, which has the number ``epoch``. Never raises."""
        assert epoch > self.epoch, "changes are folded in order"
        fact = change.fact
        after = replace(self, epoch=epoch)
        match fact:
            case TenantPut():
                return replace(after, tenants=self._with_tenant(fact))
            case KeyCreated():
                return replace(after, keys=self._with_key(fact, change.at_ms))
            case KeyRevoked():
                return replace(after, keys=self._with_revoked(fact, change.at_ms))
            case DefinitionPut() | DefinitionDeleted():
                return replace(after, versions=self._with_version(change, fact, epoch))
            case VerbsPut() | HistoryKept():
                return replace(after, tenants=self._with_terms(fact))
            case _:
                return replace(after, **self._part(change, fact, epoch))

    def _part(
        self,
        change: Change,
        fact: _PartFact | AuditAnchored | Readmitted,
        epoch: int,
    ) -> dict[str, Any]:
        """Return the fields that a fact changes which has a module of its own, or a node of its own."""
        if isinstance(fact, AuditAnchored | Readmitted | HomesPut):
            return self._with_small(fact)
        if isinstance(fact, MemberFact | UserFact):
            return self._with_belonging(fact, (epoch, change.at_ms))
        if isinstance(fact, IdsRegistered | IdsWithdrawn):
            catalogue = folded_catalogue(self.catalogue(fact.tenant), fact, epoch)
            return {"catalogues": _with(self.catalogues, fact.tenant, catalogue)}
        if isinstance(fact, ComplianceFact):
            after = folded_compliance(self.compliance.get(fact.tenant, _NOTHING_STATED), fact)
            return {"compliance": _with(self.compliance, fact.tenant, after)}
        if isinstance(fact, HistoryCut):
            return {"cuts": folded_cut(self.cuts, fact, epoch)}
        assert not isinstance(fact, HistoryKept), "it is among the terms of its tenant"
        stated = (change.author, change.at_ms, epoch)
        return {"webhooks": folded_webhook(self.webhooks, fact, stated)}

    def _with_belonging(
        self, fact: MemberFact | UserFact, stated: tuple[int, int]
    ) -> dict[str, Any]:
        """Return with a fact about a node of the world, or about a person who signs in to it."""
        if isinstance(fact, UserFact):
            return {"users": folded_user(self.users, fact, stated)}
        if not isinstance(fact, RulingFact):
            return {"members": folded_member(self.members, fact, stated[0])}
        rulings = folded_ruling(self.members.rulings, fact, self.cuts)
        return {"members": replace(self.members, rulings=rulings)}

    def _with_small(self, fact: AuditAnchored | Readmitted | HomesPut) -> dict[str, Any]:
        if isinstance(fact, HomesPut):
            return {"homes": folded_homes(self.homes, fact)}
        if isinstance(fact, AuditAnchored):
            return {"anchors": _with(self.anchors, fact.node, fact)}
        known = dict(self.readmitted.get(fact.tenant, {}))
        for key in fact.keys:
            raw = bytes.fromhex(key)
            known[raw] = min(fact.from_ms, known.get(raw, fact.from_ms))
        return {"readmitted": _with(self.readmitted, fact.tenant, known)}

    def _with_terms(self, fact: VerbsPut | HistoryKept) -> Mapping[str, Tenant]:
        tenant = self.tenants.get(fact.tenant)
        if tenant is None:
            return self.tenants
        if isinstance(fact, VerbsPut):
            return _with(self.tenants, fact.tenant, replace(tenant, verbs=fact.toml))
        return _with(self.tenants, fact.tenant, replace(tenant, keep_days=fact.days))

    def _with_tenant(self, fact: TenantPut) -> Mapping[str, Tenant]:
        before = self.tenants.get(fact.name)
        # What was said of its events first holds whatever is stated: some are where they are already.
        pins_events = fact.pins_events if before is None else before.pins_events
        tenant = Tenant(
            name=fact.name,
            timezone=fact.timezone,
            regions=fact.regions,
            jurisdiction=before.jurisdiction if before and pins_events else fact.jurisdiction,
            pins_events=pins_events,
            suppress_below=fact.suppress_below,
            verbs="" if before is None else before.verbs,
            keep_days=0 if before is None else before.keep_days,
        )
        return _with(self.tenants, fact.name, tenant)

    def _with_key(self, fact: KeyCreated, at_ms: int) -> Mapping[str, Key]:
        if fact.prefix in self.keys:
            return self.keys
        key = Key(
            prefix=fact.prefix,
            name=fact.name,
            digest=fact.digest,
            tenant=fact.tenant,
            owner=fact.owner,
            scopes=frozenset(fact.scopes),
            courses=fact.courses,
            organisations=fact.organisations,
            created_ms=at_ms,
            expires_ms=fact.expires_ms,
        )
        return _with(self.keys, fact.prefix, key)

    def _with_revoked(self, fact: KeyRevoked, stated_ms: int) -> Mapping[str, Key]:
        # What is revoked at once is none whatever a clock says later: clocks are set back.
        at_ms = fact.at_ms if fact.at_ms > stated_ms else 0
        key = self.keys.get(fact.prefix)
        if key is None or (key.revoked_ms is not None and key.revoked_ms <= at_ms):
            return self.keys
        return _with(self.keys, fact.prefix, replace(key, revoked_ms=at_ms))

    def _with_version(
        self, change: Change, fact: DefinitionPut | DefinitionDeleted, epoch: int
    ) -> Mapping[DefinitionName, tuple[Version, ...]]:
        name = (fact.tenant, fact.kind, fact.name)
        before = self.versions.get(name, ())
        version = Version(
            number=before[-1].number + 1 if before else 1,
            written=fact.written if isinstance(fact, DefinitionPut) else None,
            author=change.author,
            at_ms=change.at_ms,
            epoch=epoch,
        )
        return _with(self.versions, name, (*before, version))


def _with(mapping: Mapping[_K, _V], key: _K, value: _V) -> Mapping[_K, _V]:
    return {**mapping, key: value}
