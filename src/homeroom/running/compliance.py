"""The compliance report of a node: by jurisdiction what is where, for how long, what goes where, and what is asked for.

Whoever answers for personal data must be able to say this at any time, of the system as it is and not as it was meant.
So all of it is read off when it is asked for: sizes from the disk, periods from what was stated, requests and erasures
from where they stand. What goes between jurisdictions follows from the members of the world and from the rules of the
streams; it is said by rule, and not counted.

The way not taken is a page of documentation: it would say what was true when it was written.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from homeroom.adapters.vault.places import VAULT_FILE
from homeroom.errors import ControlError
from homeroom.events.instants import format_instant
from homeroom.log.certificates import Certificate, Place
from homeroom.log.compliance import Compliance
from homeroom.log.control import MAIN, Control, Tenant
from homeroom.log.homes import Homes
from homeroom.log.origins import Stream
from homeroom.running.erasing import DELIVERIES, Erasing
from homeroom.serve.serving import Shared
from homeroom.state.state import State

__all__ = ["ANALYTIC_IS_PERSONAL", "compliance_report"]

ANALYTIC_IS_PERSONAL: Final = (
    "The stream analytic carries no name, address or account, but it is personal data all the same: pseudonymised, "
    "and of persons who can be found again by whoever holds the tenant's key (GDPR, article 4, 5 and recital 26)."
)
_PSEUDONYMISED: Final = "pseudonymised personal data"
_SEALED: Final = "personal data, sealed by person"
_SEALED_FOR: Final = (
    "personal data, sealed for the jurisdiction of the home, which alone can open it"
)
_NOBODY: Final = "the node's own data; it names keys and pseudonyms"
_UNKNOWN: Final = "not stated"


def compliance_report(
    node: Erasing, tenant: str, shared: Shared, certificates: Sequence[Certificate]
) -> dict[str, Any]:
    """Return the report of a tenant on a node as plain data.

    Parameters
    ----------
    node : the parts of the node that hold something of people
    tenant : whose persons
    shared : whether the sizes of places are told that hold other tenants' data too
    certificates : of the tenant's erasures

    Raises
    ------
    ControlError
        There is no such tenant.
    """
    control = node.live.control
    terms = control.tenants.get(tenant)
    if terms is None or tenant not in node.live.tenants():
        raise ControlError(f"there is no tenant {tenant!r}")
    region, jurisdiction = node.place
    now_ms = node.now_ms()
    here = {
        "node": node.node,
        "region": region or _UNKNOWN,
        "places": _places(node, tenant, shared),
    }
    return {
        "at": format_instant(now_ms),
        "tenant": tenant,
        "residency": _residency(terms, control.homes_of(tenant)),
        "statement": ANALYTIC_IS_PERSONAL,
        "jurisdictions": _jurisdictions(control, here, jurisdiction or _UNKNOWN),
        "transfers": _transfers(control, node, tenant),
        "retention": _retention(node, terms),
        "persons": _persons(node, tenant),
        "purposes": {name: need.value for name, need in control.purposes(tenant).items()},
        "requests": _requests(control, tenant, now_ms),
        "erasures": _erasures(certificates),
    }


def _residency(terms: Tenant, homes: Homes | None) -> dict[str, Any]:
    is_pinned = bool(terms.regions or terms.jurisdiction)
    return {
        "kind": "pinned" if is_pinned else "open",
        "regions": list(terms.regions),
        "jurisdiction": terms.jurisdiction or None,
        "events": "stay in the jurisdiction" if terms.pins_events else "go to every node",
        "homes": None
        if homes is None
        else {
            "default": homes.default or None,
            "issuers": dict(sorted(homes.issuers.items())),
            "learners": len(homes.learners),
        },
    }


def _jurisdictions(control: Control, here: Mapping[str, Any], mine: str) -> list[dict[str, Any]]:
    """Return by jurisdiction which nodes are there, and of this node what is where."""
    found: dict[str, list[dict[str, Any]]] = {mine: [dict(here)]}
    for name, member in sorted(control.members.nodes.items()):
        if name != here["node"]:
            node = {"node": name, "region": member.region, "places": None}
            found.setdefault(member.jurisdiction or _UNKNOWN, []).append(node)
    return [{"jurisdiction": name, "nodes": nodes} for name, nodes in sorted(found.items())]


def _transfers(control: Control, node: Erasing, tenant: str) -> list[dict[str, Any]]:
    """Return what goes from one jurisdiction to another, by the rules of the streams."""
    names = {one.jurisdiction or _UNKNOWN for one in control.members.nodes.values()}
    names.add(node.place[1] or _UNKNOWN)
    about = {
        Stream.CONTROL.value: "definitions, keys, requests without persons",
    }
    if not control.pins_events(tenant):
        about[Stream.ANALYTIC.value] = _PSEUDONYMISED
    homes = control.homes_of(tenant)
    named = frozenset[str]() if homes is None else homes.named()
    return [
        {"from": one, "to": other, "stream": stream, "what": what}
        for one in sorted(names)
        for other in sorted(names - {one})
        for stream, what in {**about, **_sealed(other, named)}.items()
    ]


def _sealed(to: str, homes: frozenset[str]) -> dict[str, str]:
    """Return the stream of what is sealed for a jurisdiction, and what it is, if somebody has their home there."""
    return {Stream.sealed_for(to).value: _SEALED_FOR} if to in homes else {}


def _of_logs(node: Erasing, size_bytes: int | None) -> list[dict[str, Any]]:
    entries: Counter[Stream] = Counter()
    for origin, number in node.store.held().items():
        entries[origin.stream] += number
    sealed = {stream.home: count for stream, count in sorted(entries.items()) if stream.home}
    return [
        _place(
            "log",
            _PSEUDONYMISED,
            size_bytes,
            f"{entries[Stream.ANALYTIC]:,} entries of events written",
        ),
        _place(
            "log of pinned events",
            _PSEUDONYMISED,
            None,
            f"{entries[Stream.PINNED]:,} entries, in the same files",
        ),
        _place(
            "log of documents",
            _SEALED,
            None,
            f"{entries[Stream.DOCUMENT]:,} entries, in the same files",
        ),
        _place(
            "log of sealed documents",
            _SEALED_FOR,
            None,
            ", ".join(f"{count:,} entries for {home}" for home, count in sealed.items())
            or "none, in the same files",
        ),
    ]


def _places(node: Erasing, tenant: str, shared: Shared) -> list[dict[str, Any]]:
    path = node.path
    own = path if tenant == MAIN else path / "tenants" / tenant
    is_told = shared is Shared.TOLD
    register = node.register

    def size(*paths: Path) -> int | None:
        there = [one for one in paths if one.exists()]  # a log may lie on a server
        return sum(map(_size_bytes, there)) if is_told and there else None

    return [
        *_of_logs(node, size(path / "log")),
        _place(
            "segments", _PSEUDONYMISED, _size_bytes(own / "history"), "history, by learner and time"
        ),
        _place(
            "snapshots",
            _PSEUDONYMISED,
            _size_bytes(own / "state"),
            "rows of learners and enrolments",
        ),
        _place(
            "vault",
            _SEALED,
            size(*path.glob(f"{VAULT_FILE}*")),
            "statements, documents, names, labels of ids",
        ),
        _place(
            "webhooks",
            _PSEUDONYMISED,
            size(*path.glob(f"{DELIVERIES}*")),
            "changes that are not delivered yet",
        ),
        _place(
            "audit", _NOBODY, size(*path.glob("audit.*")), "who looked at which pseudonym, and when"
        ),
        _place(
            "register",
            "raw keys of who is erased",
            None if register is None or not is_told else _size_bytes(register.path),
            "outside of the data directory"
            if register is not None
            else "there is none: nobody can be erased here",
        ),
        _place(
            "backups", "all of the above", None, "wherever homeroom backup was told to send them"
        ),
    ]


def _place(name: str, data: str, size_bytes: int | None, about: str) -> dict[str, Any]:
    return {"place": name, "data": data, "size_bytes": size_bytes, "about": about}


def _size_bytes(path: Path) -> int:
    """Return how many bytes lie at a path: files may come and go meanwhile."""
    if path.is_file():
        return path.stat().st_size
    return sum(_size_of(one) for one in path.rglob("*")) if path.is_dir() else 0


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except FileNotFoundError:
        return 0


def _retention(node: Erasing, terms: Tenant) -> list[dict[str, Any]]:
    cut = node.live.cuts().get(terms.name)
    begins = "history was never cut" if cut is None else f"history begins on {cut.date}"
    events = {"what": "events", "days": terms.keep_days or None, "about": begins}
    return [
        events,
        {"what": "columns of learners", "days": None, "about": "until the person is erased"},
        {"what": "statements and documents", "days": None, "about": "until the person is erased"},
        {
            "what": "consents and requests",
            "days": None,
            "about": "they prove what was allowed and done",
        },
        {"what": "audit", "days": None, "about": "it proves who looked at what"},
        {
            "what": "backups",
            "days": node.backup_days,
            "about": "as node.backup_days says"
            if node.backup_days
            else "say it with node.backup_days",
        },
    ]


def _persons(node: Erasing, tenant: str) -> dict[str, int]:
    def counted(state: State) -> tuple[int, int, int]:
        history = state.history
        return state.learners.rows, len(history.withheld.keys[0]), len(history.erased[0])

    shown, withheld, erased = node.live.read(tenant, counted)
    return {"in_answers": shown, "raw_keys_refusing": withheld, "raw_keys_erased": erased}


def _requests(control: Control, tenant: str, now_ms: int) -> list[dict[str, object]]:
    today = datetime.fromtimestamp(now_ms / 1_000, UTC).date().isoformat()
    known = control.compliance.get(tenant, Compliance()).requests.values()
    still_open = [one for one in known if one.outcome is None]
    return [one.to_json(today) for one in sorted(still_open, key=lambda one: (one.due, one.id))]


def _erasures(certificates: Sequence[Certificate]) -> list[dict[str, Any]]:
    """Return the erasures that are open, with what each waits for, backups aside."""
    found = []
    for one in certificates:
        missing = [line.place.value for line in one.lines if line.done_ms is None]
        if set(missing) - {Place.BACKUPS.value}:
            found.append({"id": one.name, "due": format_instant(one.due_ms), "waits_for": missing})
    return found
