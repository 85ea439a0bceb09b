"""What a log holds and what counts of it: not what lies beyond a closed number, and not what an erasure took out.

Up to which entry an origin counts says `homeroom.regions.counting`, for running nodes and simulated ones alike.

A redacted copy that comes takes the place of a whole one only if the same comes out when what is erased here is taken
out of the whole one. What another node took out beyond that stays until its erasure is folded here: until then both
copies are told apart by nobody, and answers could become other without a fact that says why.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from homeroom import limits
from homeroom.log.entries import Entry, Head
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import unpack
from homeroom.log.redacting import Erased, redacted_parts
from homeroom.log.store import Store
from homeroom.regions.counting import counted_head, lost
from homeroom.regions.steps import Found, Look
from homeroom.running.recording import redacted_records

__all__ = ["counted_heads", "explained", "looked_up", "subjects"]

_LOOKED_AT_ONCE: Final = 16


def counted_heads(
    heads: Mapping[Origin, Head], closed: Mapping[Origin, int], store: Store
) -> dict[Origin, Head]:
    """Return by origin the last entry that counts of those that a store holds; without origins of which none does."""
    counted = {o: counted_head(store, o, closed.get(o, head.number)) for o, head in heads.items()}
    return {origin: head for origin, head in counted.items() if head.number}


def folded_heads(heads: Mapping[Origin, Head], applied: Vector, store: Store) -> dict[Origin, Head]:
    """Return by origin the last entry that is folded, of those that a store holds; without origins of which none is."""
    folded = {o: counted_head(store, o, min(applied[o], head.number)) for o, head in heads.items()}
    return {origin: head for origin, head in folded.items() if head.number}


def explained(entries: Iterable[Entry], store: Store, erased: Erased) -> list[Entry]:
    """Return those of some redacted entries whose copies in a store would lose the same, and have not.

    Raises `EntryError` for a copy that is damaged, `StoreError`.
    """
    return [entry for entry in entries if _is_explained(entry, store, erased)]


def _is_explained(entry: Entry, store: Store, erased: Erased) -> bool:
    if entry.origin.stream is Stream.CONTROL:
        return False
    mine = store.read(entry.origin, entry.number, 1)
    if not mine or mine[0].redaction is not None or mine[0].digest != entry.digest:
        return False
    mine[0].check_payload()
    content = unpack(mine[0].payload).content
    if entry.origin.stream.has_documents:
        left = redacted_records(entry.origin.stream, content, subjects(erased))
    else:
        left = redacted_parts(content, erased)
    return left is not None and left == unpack(entry.payload).content


def subjects(erased: Erased) -> dict[str, frozenset[bytes]]:
    """Return by tenant raw keys as a vault has them, 16 bytes each; without tenants of which there are none."""
    return {
        tenant: frozenset((hi << 64 | lo).to_bytes(16, "big") for hi, lo in keys)
        for tenant, keys in erased.items()
        if keys
    }


def looked_up(look: Look, store: Store, wall_ms: int) -> Found:
    """Return what another node asks for, as much as goes into a message. Raises `StoreError`."""
    found: list[Entry] = []
    size_bytes = 0
    for entry in _wanted(look, store):
        found.append(entry)
        size_bytes += len(entry.payload)
        if len(found) >= limits.MESSAGE_ENTRIES_MAX or size_bytes > limits.PULL_BYTES:
            break
    return Found(look.to, look.pull, tuple(found), wall_ms, lost(look.ranges, found, store))


def _wanted(look: Look, store: Store) -> Iterator[Entry]:
    for wanted in look.ranges:
        first = wanted.first
        while entries := store.read(wanted.origin, first, _LOOKED_AT_ONCE):
            yield from entries
            first = entries[-1].number + 1
