"""What a person corrects in a data set: events that did not happen, accounts that are one learner.

Ids and pairs come as people have them: ids as text, learners as pseudonyms or as accounts. They are checked whole
before anything is changed. In a data directory a correction is a load without files: all or nothing, under the same
lock, and the segments of history stay as they are.
"""

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np

from homeroom.adapters.directory import DataDirectory, Manifest
from homeroom.adapters.erasure_register import read_note
from homeroom.adapters.erasure_reports import read_reports
from homeroom.adapters.labelled_directory import open_labelled
from homeroom.adapters.threads import ThreadRun
from homeroom.cohorts.answers import Source
from homeroom.errors import DataDirectoryError, InputError
from homeroom.events.digests import hash_ids, id_hashes, id_key
from homeroom.events.pseudonyms import pseudonyms
from homeroom.events.texts import buffers, large_strings
from homeroom.log.certificates import Place
from homeroom.node.node import Node
from homeroom.state.identities import Edge
from homeroom.state.keys import halves, whole
from homeroom.state.state import State

__all__ = [
    "Account",
    "Joined",
    "Pairs",
    "Parted",
    "Voided",
    "check_erasures",
    "correct_directory",
    "corrected",
    "join",
    "keys_of",
    "loaded_manifest",
    "part",
    "raw_key",
    "source_of",
    "void",
]

Account: TypeAlias = str | tuple[str, str]
"""A learner as a person names one: a pseudonym of 32 hexadecimal digits, or (issuer, account)."""
Pairs: TypeAlias = Iterable[tuple[Account, Account]]
_T = TypeVar("_T")
_DIGITS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Voided:
    """What voiding some ids did.

    ``ids`` are the different ones that were given, ``new`` those that were not voided before, ``missing`` those that
    no event has (yet); ``events`` are no longer in any answer, and were until now.
    """

    ids: int
    new: int
    missing: int
    events: int

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Joined:
    """What merging some pairs did.

    ``pairs`` are the different ones that were given, ``new`` those that were not merged with each other before;
    ``missing`` pseudonyms have no event (yet). The data had ``learners_before`` learners and have ``learners`` now.
    """

    pairs: int
    new: int
    missing: int
    learners_before: int
    learners: int

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON-ready data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Parted:
    """What unmerging some pairs did: ``pairs`` are the different ones; the rest as in `Joined`."""

    pairs: int
    learners_before: int
    learners: int

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON-ready data."""
        return asdict(self)


def void(state: State, ids: Iterable[str], key: Callable[[], bytes]) -> Voided:
    """Void events by their ids, those that have not come yet too.

    Parameters
    ----------
    state : settled
    ids : as the source wrote them
    key : returns the key of the pseudonyms, under which ids are hashed

    Raises
    ------
    InputError
        An id is empty, there are too many, or the data are a scan.
    """
    _refuse_scan(state)
    given = list(dict.fromkeys(ids))
    if not all(isinstance(one, str) and one for one in given):
        raise InputError("an id is empty; give the ids of the events, as their source wrote them")
    texts = buffers(large_strings(given))
    hashes = np.unique(id_hashes(*hash_ids(texts, id_key(key()))))
    voids, events = len(state.history.voids), state.history.voided_events
    there = state.history.have_ids(hashes)
    state.void(hashes)
    state.settle()
    return Voided(
        ids=len(hashes),
        new=len(state.history.voids) - voids,
        missing=int((~there).sum()),
        events=state.history.voided_events - events,
    )


def join(state: State, pairs: Sequence[tuple[int, int]]) -> Joined:
    """Merge pairs of raw keys, 128-bit numbers: each is one learner from now on, and was from the start.

    Raises `InputError` if the data are a scan, or if there are too many edges.
    """
    _refuse_scan(state)
    identities, before = state.history.identities, state.learners.rows
    different = list(dict.fromkeys((min(pair), max(pair)) for pair in pairs))
    new = [pair for pair in different if not identities.between(*pair)]
    raw = halves(sorted({key for pair in different for key in pair}))
    missing = int((~state.have_keys(raw)).sum())
    edges = [Edge(int.from_bytes(secrets.token_bytes(16), "little"), *pair) for pair in new]
    state.change_identities(edges, [])
    state.settle()
    return Joined(len(different), len(new), missing, before, state.learners.rows)


def part(state: State, pairs: Sequence[tuple[int, int]]) -> Parted:
    """Unmerge pairs of raw keys, 128-bit numbers, that were merged with each other.

    Raises `InputError` if the data are a scan, or if a pair was not merged; then nothing is changed.
    """
    _refuse_scan(state)
    identities, before = state.history.identities, state.learners.rows
    different = list(dict.fromkeys((min(pair), max(pair)) for pair in pairs))
    taken_back: list[int] = []
    for one, other in different:
        between = identities.between(one, other)
        if not between:
            group = [key for key in identities.group(one) if key not in (one, other)]
            via = (
                f"; they are one learner through {group[0]:032x}"
                if other in identities.group(one)
                else ""
            )
            raise InputError(f"{one:032x} and {other:032x} were not merged with each other{via}")
        taken_back += between
    state.change_identities([], taken_back)
    state.settle()
    return Parted(len(different), before, state.learners.rows)


def keys_of(pairs: Pairs, key: Callable[[], bytes]) -> list[tuple[int, int]]:
    """Return pairs of learners as pairs of raw keys, 128-bit numbers.

    Parameters
    ----------
    pairs : pseudonyms, or accounts as (issuer, account)
    key : returns the key of the pseudonyms; called only if there are accounts

    Raises
    ------
    InputError
        A learner is neither, or both of a pair are the same one; the message names the pair.
    """
    found = []
    for number, pair in enumerate(pairs, 1):
        if isinstance(pair, str) or len(pair) != 2:
            raise InputError(f"pair {number} is {pair!r}; it must be two learners")
        one, other = (raw_key(learner, f"pair {number}", key) for learner in pair)
        if one == other:
            raise InputError(f"pair {number} is twice the same learner, {one:032x}")
        found.append((one, other))
    return found


def raw_key(learner: Account, place: str, key: Callable[[], bytes]) -> int:
    """Return the raw key of a learner, a 128-bit number; ``place`` says in an error which one it is.

    Raises `InputError` for what is neither a pseudonym nor (issuer, account).
    """
    if isinstance(learner, str):
        digits = learner.strip().lower()
        if len(digits) != 32 or not set(digits) <= _DIGITS:
            raise InputError(
                f"{place}: {learner!r} is no pseudonym; one has 32 hexadecimal digits, and accounts are given as "
                f"issuer and account"
            )
        return int(digits, 16)
    issuer, account = learner
    if not account:
        raise InputError(f"{place}: an account is empty")
    hi, lo = pseudonyms(key(), issuer or "", [account])
    return whole(int(hi[0]), int(lo[0]))


def _refuse_scan(state: State) -> None:
    if state.scanned_ms is not None:
        raise InputError(
            "a scan keeps nothing but days, so nothing can be taken out of it or joined; read the files in whole"
        )


# --- data directories ----------------------------------------------------------------------------------------------


def correct_directory(directory: Path, change: Callable[[State], _T]) -> tuple[Node, Source, _T]:
    """Change the state of a data directory and keep it; return what is open then, and what the change returned.

    Raises
    ------
    DataDirectoryError
        Nothing was loaded into it, it is damaged, or another process holds it.
    """
    place = DataDirectory(directory)
    loaded_manifest(place)  # a folder that is none must not become one
    with place.locked():
        manifest = loaded_manifest(place)
        state = open_labelled(place, manifest, ThreadRun())
        before = state.history.facts
        result = change(state)
        source = corrected(source_of(manifest), state)
        if state.history.facts != before:
            place.commit(
                state,
                Manifest(
                    load=manifest.load + 1,
                    timezone=manifest.timezone,
                    key_check=manifest.key_check,
                    segments=manifest.segments,
                    summary=source.to_json(),
                ),
            )
    return Node(state), source, result


def loaded_manifest(place: DataDirectory) -> Manifest:
    """Return the manifest of a directory into which something was loaded. Raises `DataDirectoryError`."""
    place.expect_one_state()
    manifest = place.manifest()
    if manifest is None or manifest.load == 0:
        why = " (no homeroom.json)" if manifest is None else ""
        raise DataDirectoryError(
            f"{place.path} holds nothing that was loaded{why}; make it with homeroom load {place.path} PATH, or "
            f"restore it from a backup"
        )
    check_erasures(place.path)
    return manifest


def check_erasures(path: Path) -> None:
    """Refuse a directory that may have events of people who were erased: it was restored, or its node was killed.

    Raises `DataDirectoryError`.
    """
    root = path.parent.parent if path.parent.name == "tenants" else path
    noted = read_note(root)
    if noted is None:
        return
    clean = sum(Place.HISTORY in places for places in read_reports(root).values())
    if clean < noted.lines - 1:
        raise DataDirectoryError(
            f"{root} may hold people who were erased: it was restored, or its node ended before it had cleaned it. "
            f"Start its node once, or restore with --config"
        )


def source_of(manifest: Manifest) -> Source:
    """Return the summary of all loads of a directory."""
    known = {name: value for name, value in manifest.summary.items() if name in Source.__slots__}
    return Source(**{**known, "notes": tuple(known.get("notes", ()))})


def corrected(source: Source, state: State) -> Source:
    """Return a summary of what was read with what the data hold now."""
    now = Node(state).summary()
    return replace(
        source,
        events_voided=now.events_voided,
        learners=now.learners,
        first_event=now.first_event,
        last_event=now.last_event,
    )
