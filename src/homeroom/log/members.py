"""Facts about who belongs to the world: nodes that join, are fenced, leave, and lives of theirs that are over.

A node leaves in two steps, because nobody can ask it what it has written if it is gone. First it is fenced: from that
epoch on no member takes anything more from it, but members go on exchanging what they have of it already. When each
remaining member has said at that epoch what it holds, the most that any of them has is all that there will ever be, and
the second fact writes these numbers down. So no entry that some member acknowledged for others is left behind, and
whatever the node writes later, believing that it still belongs, is no entry of the world.

Lives end in two steps as well. A node that starts is a new origin a stream, so vectors would grow for as long as the
world lasts. First it is stated that a life is over (`LivesEnded`): from that epoch on no member takes anything more out
of messages of that life. When all members have said at that epoch that they hold the same of it, the second fact
(`OriginsClosed`) lets it collapse into the epoch: no vector names it any more, and all who know of the epoch have it
whole.

One node states all of this, the home. If it is lost, or its region is to be left, an operator has another node say that
it is the home now (`HomeMoved`); whatever the old one states later, not knowing of it, is folded by nobody.

An origin is closed once: of two facts the first counts, for somebody may have relied on it.

Three more facts are of many nodes together: which key a tenant's pseudonyms are made with, since a node with another
one would count every learner twice; which key the documents of a jurisdiction are under, since a node with another one
could not open them; and what a client must at least wait for, which an operator raises while a region is not to be
trusted, and lowers again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, TypeVar

import msgspec

from homeroom import limits
from homeroom.errors import ControlError
from homeroom.log.origins import Origin, Stream
from homeroom.log.rulings import (
    RulingFact,
    Rulings,
    check_ruling,
)

__all__ = [
    "AcknowledgementPut",
    "HomeMoved",
    "LifeName",
    "LivesEnded",
    "MemberFact",
    "MemberFenced",
    "MemberJoined",
    "MemberLeft",
    "MemberNode",
    "Membership",
    "OriginsClosed",
    "TenantKeyed",
    "VaultKeyed",
    "check_member",
    "folded_member",
]

_T = TypeVar("_T")
_KEY: Final = re.compile(r"ed25519:[A-Za-z0-9+/]{43}=")
_SEAL: Final = re.compile(r"x25519:[A-Za-z0-9+/]{43}=")


class MemberJoined(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="member"):
    """A node belongs to the world, or is known under another key or region from now on.

    Parameters
    ----------
    node, region, jurisdiction : its name, where it is, and under which law
    key : the public half of its signing key, ``ed25519:`` and base64
    """

    node: str
    region: str
    jurisdiction: str = ""
    key: str = ""


class MemberFenced(msgspec.Struct, frozen=True, kw_only=True, tag="member-fenced"):
    """Nothing more is taken from a node: it is to leave."""

    node: str


class MemberLeft(msgspec.Struct, frozen=True, kw_only=True, tag="member-left"):
    """A node belongs to the world no more.

    Parameters
    ----------
    node : its name
    closed : by the text of each of its origins the last number that there will ever be
    forced : why an operator did not wait for all members to say what they hold; empty if all have
    """

    node: str
    closed: dict[str, int]
    forced: str = ""


class LivesEnded(msgspec.Struct, frozen=True, kw_only=True, tag="lives-ended"):
    """Lives are over: each as ``node/incarnation``. Nothing more is taken from them."""

    lives: tuple[str, ...]


class OriginsClosed(msgspec.Struct, frozen=True, kw_only=True, tag="origins-closed"):
    """All members hold these origins up to the last number that there will ever be, by the text of each.

    They collapse into the epoch: vectors do not name them any more.
    """

    closed: dict[str, int]


class TenantKeyed(msgspec.Struct, frozen=True, kw_only=True, tag="tenant-keyed"):
    """The pseudonyms of a tenant are made with the key that has this check, in every node.

    ``check`` tells one key from another and gives nothing of it away. Of two facts of a tenant the first counts: what
    was made with a key stays.
    """

    tenant: str
    check: str


class VaultKeyed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="vault-keyed"):
    """The documents of a jurisdiction are under the vault key that has this check, in every node of it.

    ``check`` tells one key from another and gives nothing of it away. Of two facts of a jurisdiction the first counts:
    what was sealed under a key stays. ``seal`` is the public half of a key that follows from the vault key, ``x25519:``
    and base64: by it nodes elsewhere seal what is for this jurisdiction. Releases of before this state none; the first
    that is stated counts.
    """

    jurisdiction: str
    check: str
    seal: str = ""


class AcknowledgementPut(msgspec.Struct, frozen=True, kw_only=True, tag="acknowledgement"):
    """No client hears yes before its batch is held at this level: ``local``, ``remote`` or ``all``."""

    least: Literal["local", "remote", "all"]


class HomeMoved(msgspec.Struct, frozen=True, kw_only=True, tag="home-moved"):
    """A node writes the control stream from now on, and states this as its first; what others state later is none.

    Parameters
    ----------
    node : its name
    term : grows with each move; of two moves of one term the first counts
    """

    node: str
    term: int


MemberFact: TypeAlias = (
    HomeMoved
    | MemberJoined
    | MemberFenced
    | MemberLeft
    | LivesEnded
    | OriginsClosed
    | TenantKeyed
    | VaultKeyed
    | AcknowledgementPut
    | RulingFact
)
LifeName: TypeAlias = tuple[str, str]
"""A node and an incarnation of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberNode:
    """A node that belongs to the world; the fields are those of `MemberJoined`."""

    region: str
    jurisdiction: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Who belongs to the world.

    Attributes
    ----------
    nodes : by name
    fenced : those that are to leave, with the epoch of the fence
    closed : by origin the last number that there will ever be
    ended : lives that are over and not collapsed yet, with the epoch at which that was stated
    collapsed : those of the closed that all members hold; no vector names them
    forced : by node that was removed by force, why
    key_checks : by tenant the check of the key that all nodes must have
    vault_checks : by jurisdiction the check of the vault key that its nodes must have
    seal_keys : by jurisdiction the public half of the key by which others seal for it
    least : the level at which a batch must be held before its client hears yes
    rulings : what was ruled of entries that are stamped in the future
    home : the node that writes the control stream, empty as long as none was named
    term : how often it was named
    jurisdictions : by node that there ever was, the legal area that it is in for good
    """

    nodes: Mapping[str, MemberNode] = field(default_factory=dict)
    fenced: Mapping[str, int] = field(default_factory=dict)
    closed: Mapping[Origin, int] = field(default_factory=dict)
    ended: Mapping[LifeName, int] = field(default_factory=dict)
    collapsed: frozenset[Origin] = frozenset()
    forced: Mapping[str, str] = field(default_factory=dict)
    key_checks: Mapping[str, str] = field(default_factory=dict)
    vault_checks: Mapping[str, str] = field(default_factory=dict)
    seal_keys: Mapping[str, str] = field(default_factory=dict)
    least: str = "local"
    rulings: Rulings = field(default_factory=dict)
    home: str = ""
    term: int = 0
    jurisdictions: Mapping[str, str] = field(default_factory=dict)


def check_member(members: Membership, fact: MemberFact) -> None:
    """Raise `ControlError` for a fact that makes no sense as things are."""
    match fact:
        case MemberJoined():
            _check_joined(members, fact)
        case MemberFenced() | MemberLeft():
            _check_leaving(members, fact)
        case OriginsClosed():
            _closed(fact.closed)
        case LivesEnded():
            _lives(fact.lives)
        case HomeMoved():
            _check_move(members, fact)
        case TenantKeyed() | VaultKeyed():
            _check_keyed(members, fact)
        case AcknowledgementPut():
            pass  # every level may be asked for at any time
        case _:
            check_ruling(members.rulings, fact)


def _check_leaving(members: Membership, fact: MemberFenced | MemberLeft) -> None:
    if fact.node not in members.nodes:
        known = ", ".join(sorted(members.nodes)) or "none"
        raise ControlError(f"there is no node {fact.node!r}; there are: {known}")
    if isinstance(fact, MemberFenced):
        return
    if fact.node not in members.fenced and not fact.forced:
        raise ControlError(
            f"{fact.node} is not fenced, so it may still write; fence it, wait until all members have said what they "
            f"hold of it, or say why this is forced"
        )
    _closed(fact.closed)


def _check_move(members: Membership, fact: HomeMoved) -> None:
    if fact.term <= members.term:
        raise ControlError(
            f"the term of a move is {fact.term}, and {members.home} is the home by one of {members.term}; it must grow"
        )


def _check_joined(members: Membership, fact: MemberJoined) -> None:
    for what, name in (("node", fact.node), ("region", fact.region)):
        if not name or not name.isprintable() or "/" in name:
            raise ControlError(
                f"the name of a {what} is {name[:200]!r}; it must have printable characters and no '/'"
            )
    if fact.key and not _KEY.fullmatch(fact.key):
        raise ControlError(
            f"the key of {fact.node!r} is {fact.key[:80]!r}; it must be ed25519: and 44 digits of base64, as the node "
            f"itself shows it"
        )
    if len({*members.nodes, fact.node}) > limits.WORLD_NODES_MAX:
        raise ControlError(
            f"there would be more than {limits.WORLD_NODES_MAX} nodes; remove one first"
        )
    kept = members.jurisdictions.get(fact.node) or fact.jurisdiction
    if kept != fact.jurisdiction:
        raise ControlError(
            f"{fact.node} is in jurisdiction {kept!r} for good, {fact.jurisdiction!r} was given: documents that it "
            f"holds would be under another law. Let it leave, and join a node of another name with an empty disk"
        )


def _check_keyed(members: Membership, fact: TenantKeyed | VaultKeyed) -> None:
    if isinstance(fact, VaultKeyed):
        known = members.vault_checks.get(fact.jurisdiction, fact.check)
        if known != fact.check:
            raise ControlError(
                f"the documents of jurisdiction {fact.jurisdiction!r} are under the vault key that has the check "
                f"{known}, and with another one nothing of them could be read; copy vault.key from a node of it"
            )
        _check_seal(members, fact)
        return
    known = members.key_checks.get(fact.tenant, fact.check)
    if known != fact.check:
        raise ControlError(
            f"the pseudonyms of {fact.tenant!r} are made with the key that has the check {known}, and with another one "
            f"each learner would be another; copy the key file from a node that has it"
        )


def _check_seal(members: Membership, fact: VaultKeyed) -> None:
    if fact.seal and not _SEAL.fullmatch(fact.seal):
        raise ControlError(
            f"the key to seal by for {fact.jurisdiction!r} is {fact.seal[:80]!r}; it must be x25519: and 44 digits of "
            f"base64, as homeroom world init writes it"
        )
    known = members.seal_keys.get(fact.jurisdiction, fact.seal)
    if fact.seal and known != fact.seal:
        raise ControlError(
            f"others seal for jurisdiction {fact.jurisdiction!r} by {known}; what was sealed by it could not be opened "
            f"with another key"
        )


def folded_member(members: Membership, fact: MemberFact, epoch: int) -> Membership:
    """Return who belongs to the world after a fact; one that makes no sense changes nothing."""
    match fact:
        case MemberJoined() | MemberFenced() | MemberLeft():
            return _with_node(members, fact, epoch)
        case LivesEnded():
            return _with_ended(members, fact, epoch)
        case OriginsClosed():
            return _with_collapsed(members, fact)
        case HomeMoved():
            is_next = fact.term > members.term
            return replace(members, home=fact.node, term=fact.term) if is_next else members
        case TenantKeyed() | VaultKeyed() | AcknowledgementPut():
            return _with_terms(members, fact)
        case _:  # a ruling: it has to do with cuts too (`homeroom.log.control`)
            return members


def _with_joined(members: Membership, fact: MemberJoined) -> Membership:
    kept = members.jurisdictions.get(fact.node) or fact.jurisdiction
    node = MemberNode(region=fact.region, jurisdiction=kept, key=fact.key)
    return replace(
        members,
        nodes={**members.nodes, fact.node: node},
        fenced=_without(members.fenced, fact.node),
        jurisdictions={**members.jurisdictions, **({fact.node: kept} if kept else {})},
    )


def _with_node(
    members: Membership, fact: MemberJoined | MemberFenced | MemberLeft, epoch: int
) -> Membership:
    if isinstance(fact, MemberJoined):
        return _with_joined(members, fact)
    if isinstance(fact, MemberFenced):
        if fact.node not in members.nodes or fact.node in members.fenced:
            return members
        return replace(members, fenced={**members.fenced, fact.node: epoch})
    forced = {fact.node: fact.forced} if fact.forced else {}
    return replace(
        members,
        nodes=_without(members.nodes, fact.node),
        fenced=_without(members.fenced, fact.node),
        closed=_with_closed(members.closed, fact.closed),
        forced={**members.forced, **forced},
    )


def _lives(written: tuple[str, ...]) -> list[LifeName]:
    try:
        origins = [Origin.parse(f"{text}/{Stream.ANALYTIC}") for text in written]
    except ValueError:
        raise ControlError("the name of a life is none; it is node/incarnation") from None
    return [(origin.node, origin.incarnation) for origin in origins]


def _with_ended(members: Membership, fact: LivesEnded, epoch: int) -> Membership:
    try:
        ended = dict.fromkeys(_lives(fact.lives), epoch)
    except ControlError:
        return members
    return replace(members, ended={**ended, **members.ended})


def _with_collapsed(members: Membership, fact: OriginsClosed) -> Membership:
    closed = _with_closed(members.closed, fact.closed)
    try:
        named = _closed(fact.closed)
    except ControlError:
        return members
    # Of an origin that was closed at another number before, not all members hold what counts.
    collapsed = {origin for origin, number in named.items() if closed[origin] == number}
    return replace(members, closed=closed, collapsed=members.collapsed | collapsed)


def _with_terms(
    members: Membership, fact: TenantKeyed | VaultKeyed | AcknowledgementPut
) -> Membership:
    if isinstance(fact, AcknowledgementPut):
        return replace(members, least=fact.least)
    if isinstance(fact, VaultKeyed):
        checks = {fact.jurisdiction: fact.check, **members.vault_checks}
        is_theirs = _SEAL.fullmatch(fact.seal) and checks[fact.jurisdiction] == fact.check
        seals = {fact.jurisdiction: fact.seal} if is_theirs else {}
        return replace(members, vault_checks=checks, seal_keys={**seals, **members.seal_keys})
    return replace(members, key_checks={fact.tenant: fact.check, **members.key_checks})


def _closed(written: Mapping[str, int]) -> dict[Origin, int]:
    try:
        return {Origin.parse(text): number for text, number in written.items()}
    except ValueError:
        raise ControlError("an origin is none; it is node/incarnation/stream") from None


def _with_closed(closed: Mapping[Origin, int], written: Mapping[str, int]) -> Mapping[Origin, int]:
    try:
        return {**_closed(written), **closed}
    except ControlError:
        return closed


def _without(mapping: Mapping[str, _T], name: str) -> dict[str, _T]:
    return {key: value for key, value in mapping.items() if key != name}
