"""Data of a person are put right: events are voided by their ids, and others take their place (GDPR, article 16).

What is wrong is never overwritten. A void says that an event has not happened, and the right one is sent like any
other; so both travel to every node, and whoever asks why an answer changed finds two facts. First the right ones are
taken: if any is refused, those that were taken are voided again, and what was there before is still there.

Only events of the person who asks may be voided this way: an id is looked up among theirs, and one that is somebody
else's, or nobody's, refuses the whole.

The way not taken is an event that is edited: its copies in other entries, regions and backups would say something else
for ever.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from homeroom import limits
from homeroom.errors import ControlError, InputError, StoreError
from homeroom.events.digests import hash_ids, id_hashes, id_key
from homeroom.events.sent import Form, SentBatch, count_events
from homeroom.events.texts import buffers, large_strings
from homeroom.log.log import Offer, Refused
from homeroom.log.voiding import EventsVoided
from homeroom.running.erasing import Erasing
from homeroom.state.keys import Keys, find_sorted
from homeroom.state.places import keys_at, places_of_ids

__all__ = ["check_theirs", "checked", "replacements", "send_events", "void_events"]

_DRAWN: Final = frozenset({"issuer", "account", "id"})
"""What an event that takes the place of another may not bring: the account is the person's, the id is made here."""
_json: Final = msgspec.json.Encoder(order="sorted").encode


def checked(void: Sequence[str], events: Sequence[Mapping[str, Any]]) -> None:
    """Raise `InputError` unless these ids can be voided, and these events take their place."""
    if not void and not events:
        raise InputError(
            "nothing is to be put right; name ids of events to void, or events to send"
        )
    for what, several in (("voided", void), ("sent", events)):
        if len(several) > limits.SUPERSEDED_MAX:
            raise InputError(
                f"{len(several):,} events would be {what} at once, at most {limits.SUPERSEDED_MAX:,} are allowed"
            )
    if not all(void):
        raise InputError("an id is empty; give the ids of the events, as their source wrote them")
    for number, one in enumerate(events, 1):
        found = sorted(_DRAWN.intersection(one))
        if found:
            raise InputError(
                f"event {number} has {found[0]}; leave out {', '.join(sorted(_DRAWN))}: the account is the person's, "
                f"and ids are made of what is asked for"
            )


def replacements(
    account: tuple[str, str], void: Sequence[str], events: Sequence[Mapping[str, Any]]
) -> tuple[SentBatch, list[str]]:
    """Return events of an account as a batch, with ids that are made of all that is asked for.

    So what is asked for twice is sent twice under the same ids, and is there once.
    """
    asked = _json([sorted(void), list(events)])
    ids = [hashlib.sha256(b"%d %s" % (n, asked)).hexdigest()[:32] for n in range(len(events))]
    issuer, name = account
    written = [
        {**one, "issuer": issuer, "account": name, "id": identifier}
        for one, identifier in zip(events, ids, strict=True)
    ]
    body = _json(written)
    digest = hashlib.sha256(body).digest()
    return SentBatch(batch_id=ids[0], body=body, form=Form.JSON, digest=digest), ids


def check_theirs(node: Erasing, tenant: str, keys: Keys, void: Sequence[str]) -> None:
    """Raise `ControlError` unless every id is one of events of these raw keys, sorted, and of nobody else's."""
    with node.live.held(tenant) as one:
        stored = one.state.history_alone().history.stored
    hashes = id_hashes(*hash_ids(buffers(large_strings(list(void))), id_key(node.key(tenant))))
    for number, hashed in enumerate(hashes.tolist(), 1):
        ids = np.array([hashed], np.uint64)
        owners = keys_at(stored, [places_of_ids(segment, ids) for segment in stored])
        if not len(owners[0]) or (find_sorted(*keys, *owners) < 0).any():
            raise ControlError(
                f"id {number} is of no event of this person, or of somebody else's too"
            )


async def send_events(node: Erasing, tenant: str, batch: SentBatch) -> int:
    """Send events; return how many were refused, when the others count. Raises `StoreError`."""
    outcome = await node.offer(_offered(tenant, batch, count_events(batch), len(batch.body)))
    if isinstance(outcome, Refused):
        raise StoreError(outcome.why)
    if outcome.token is not None:
        await node.reached(outcome.token)
    told = msgspec.json.decode(outcome.answer)
    return len(told.get("refused", ())) + int(told.get("refused_more", 0))


async def void_events(node: Erasing, tenant: str, ids: Sequence[str]) -> None:
    """Void events by their ids; return when it counts. Raises `StoreError`."""
    outcome = await node.offer(_offered(tenant, EventsVoided(tuple(ids)), 0, 8 * len(ids)))
    if isinstance(outcome, Refused):
        raise StoreError(outcome.why)
    assert outcome.token is not None, "a void is written"
    await node.reached(outcome.token)


def _offered(tenant: str, content: object, events: int, size_bytes: int) -> Offer:
    return Offer(
        ticket=0,
        tenant=tenant,
        owner="",
        batch_id=f"rectified {secrets.token_hex(16)}",
        digest=b"",
        content=content,
        events=events,
        size_bytes=size_bytes,
        is_kept=False,
    )
