"""What persons may ask of a running node by right: a copy of all that is kept of them, consent, and restriction.

A copy is put together when it is asked for: events and rows from the state, statements and documents from the vault,
cohorts, consents and erasures from where they are. It is made under all raw keys of the person, and of nobody else, and
handed over; the node keeps none.

A consent or a restriction is written to the log like an event and counts when it is folded. What it takes the place of
is filled in here: all that stands of the same purpose, for every account of the person that says something of it. So
whoever states it need not know the identities of what was said before; and what another node has taken meanwhile still
stands beside it, and the most restrictive counts.
"""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from homeroom.adapters.archive import ArchiveFile, archive_of
from homeroom.adapters.vault.person import PersonRecords
from homeroom.cohorts.live import Shows
from homeroom.cohorts.membership.changes import Named
from homeroom.cohorts.membership.membership import Membership
from homeroom.cohorts.membership.reading import learner_now
from homeroom.corrections import Account
from homeroom.errors import ControlError, InputError, StoreError
from homeroom.events.instants import format_instant
from homeroom.log.consents import EVERYTHING, Consent, Consented, Says, consent_of
from homeroom.log.control import DefinitionKind
from homeroom.log.log import Offer, Refused
from homeroom.node.person import events_as_csv, told_consents, told_events, told_row
from homeroom.node.showing import Showing
from homeroom.running.compliance import compliance_report
from homeroom.running.erasing import RunningErasures
from homeroom.running.person_requests import PersonAsked, PersonDo, PersonTold
from homeroom.running.rectifying import (
    check_theirs,
    checked,
    replacements,
    send_events,
    void_events,
)
from homeroom.serve.serving import Shared
from homeroom.state.consents import Stated
from homeroom.state.keys import Keys, find_sorted, halves
from homeroom.state.person import kept_of
from homeroom.state.state import State

__all__ = ["RunningPersons"]

_json: Final = msgspec.json.Encoder(order="sorted").encode


class RunningPersons:
    """The rights of persons on a node; made and used in one event loop.

    Parameters
    ----------
    erasures : those of the node, with the parts of it that hold something of people
    showing : by tenant what of its ids is shown
    need_one_state : raises `NotInShardsError` where this node has not all that is kept of a learner
    """

    def __init__(
        self,
        erasures: RunningErasures,
        showing: Mapping[str, Showing],
        need_one_state: Callable[[str], None],
    ) -> None:
        self._erasures, self._need_one_state = erasures, need_one_state
        self._rights = erasures.wiring
        self._showing = showing
        self._one_at_a_time = asyncio.Lock()
        self._one_archive = asyncio.Lock()  # each is made in memory
        self._audit: Callable[[str, str, str, Mapping[str, Any]], None] | None = None

    def audit_with(self, audit: Callable[[str, str, str, Mapping[str, Any]], None] | None) -> None:
        """Have it written down durably, by tenant and author, what is asked for by command; None has it nowhere."""
        self._audit = audit

    def raw_key(self, tenant: str, learner: Account) -> int:
        """Return the raw key of a learner, a pseudonym or (issuer, account), as a 128-bit number.

        Raises `InputError` for one that is neither, `ControlError` for a tenant that is not there.
        """
        return self._erasures.raw_keys(tenant, [learner])[0]

    def _keys(self, tenant: str, key: int) -> Keys:
        """Return all raw keys of the person behind one of them, sorted."""
        live = self._rights.live
        return live.read(tenant, lambda state: state.history.identities.groups(halves([key])))

    async def asked(self, asked: PersonAsked) -> PersonTold:
        """Do what a command on this machine asks; it is audited here.

        Raises what the ways below do, and `AuditError`.
        """
        if asked.do is PersonDo.COMPLIANCE:
            return PersonTold(found=await self.compliance(asked.tenant, Shared.TOLD))
        key = self.raw_key(asked.tenant, asked.learner)
        if self._audit is not None:
            about = {"learner": f"{key:032x}", **asked.about()}
            audit, what = self._audit, f"person.{asked.do.value}"
            await asyncio.to_thread(audit, asked.tenant, asked.author, what, about)
        if asked.do is PersonDo.ACCESS:
            return PersonTold(archive=await self.archive(asked.tenant, key))
        if asked.do is PersonDo.RECTIFY:
            if isinstance(asked.learner, str):
                raise InputError("name the person by issuer and account: events are sent under it")
            put = await self.rectify(asked.tenant, asked.learner, asked.void, asked.events)
            return PersonTold(found=put)
        if asked.do is PersonDo.SAY:
            await self.say(asked.tenant, key, asked.purpose, Says(asked.says))
        return PersonTold(found=self.consents(asked.tenant, key))

    async def compliance(self, tenant: str, shared: Shared) -> dict[str, Any]:
        """Return what is kept of a tenant's persons, where, for how long, and what they ask for, as plain data.

        Raises `ControlError` for a tenant that is not there.
        """
        self._need_one_state("a report of what is kept")
        certificates = self._erasures.certificates(tenant)
        return await asyncio.to_thread(
            compliance_report, self._rights, tenant, shared, certificates
        )

    # --- consents ----------------------------------------------------------------------------------------------------

    def said(self, tenant: str, key: int) -> list[Stated]:
        """Return all that was said of what may be done with a person's data, the oldest first."""
        keys = self._keys(tenant, key)
        known = self._rights.live.read(tenant, lambda state: state.history.consents)
        return known.about(keys).told()

    def consents(self, tenant: str, key: int) -> dict[str, Any]:
        """Return what was said by a person, and what may be done by that, as plain data."""
        return {
            "learner": f"{key:032x}",
            "allowed": self.allowed(tenant, key),
            "withheld": self.is_withheld(tenant, key),
            "stated": told_consents(self.said(tenant, key)),
        }

    def is_withheld(self, tenant: str, key: int) -> bool:
        """Say whether a person is kept and in no answer."""
        keys = halves([key])
        withheld = self._rights.live.read(tenant, lambda state: state.history.withheld)
        return bool(withheld.covers(*keys)[0])

    def allowed(self, tenant: str, key: int) -> dict[str, bool]:
        """Return by purpose whether a person's data may be processed for it."""
        standing = [one.consent for one in self.said(tenant, key) if one.stands]
        is_restricted = any(one.refuses for one in standing if one.purpose == EVERYTHING)
        found = {}
        for purpose, need in self._rights.live.control.purposes(tenant).items():
            mine = [one.refuses for one in standing if one.purpose == purpose]
            is_given = not any(mine) and (bool(mine) or need.value == "nothing")
            found[purpose] = is_given and not is_restricted
        return found

    async def say(self, tenant: str, key: int, purpose: str, says: Says) -> list[Stated]:
        """State a consent or a restriction of a person; return all that was said, when it counts.

        Stated again, it changes nothing.

        Raises
        ------
        ControlError
            The tenant has no such purpose, or the person was erased.
        InputError
            The words do not go together.
        StoreError
            It cannot be written to the log.
        """
        rights = self._rights
        if purpose != EVERYTHING and purpose not in rights.live.control.purposes(tenant):
            known = ", ".join(sorted(rights.live.control.purposes(tenant)))
            raise ControlError(f"there is no purpose {purpose[:40]!r}; there are: {known}")
        erased = rights.live.read(tenant, lambda state: state.history.erased)
        if find_sorted(*erased, *halves([key]))[0] >= 0:
            raise ControlError("this person was erased; nothing is kept of them, and no consent")
        async with self._one_at_a_time:
            facts = self._facts(tenant, key, (purpose, says))
            if facts:
                await self._write(tenant, Consented(facts))
        return self.said(tenant, key)

    def _facts(self, tenant: str, key: int, what: tuple[str, Says]) -> tuple[Consent, ...]:
        """Return what is to be written so that this stands, and nothing else of its purpose."""
        at_ms = self._rights.now_ms()
        wanted = consent_of(key, what, at_ms)
        standing: dict[bytes, list[Stated]] = {wanted.key: []}
        for one in self.said(tenant, key):
            if one.stands and one.consent.purpose == wanted.purpose:
                standing.setdefault(one.consent.key, []).append(one)
        facts = []
        for raw, several in standing.items():
            is_said = {one.consent.refuses for one in several} == {wanted.refuses}
            if not is_said:
                named = [one.identity for one in several]
                facts.append(consent_of(int.from_bytes(raw, "big"), what, at_ms, named))
        return tuple(facts)

    async def _write(self, tenant: str, consented: Consented) -> None:
        outcome = await self._rights.offer(
            Offer(
                ticket=0,
                tenant=tenant,
                owner="",
                batch_id=f"consent {secrets.token_hex(16)}",
                digest=b"",
                content=consented,
                events=0,
                size_bytes=sum(100 + 16 * len(one.supersedes) for one in consented.consents),
                is_kept=False,
            )
        )
        if isinstance(outcome, Refused):
            raise StoreError(outcome.why)
        assert outcome.token is not None, "a consent is written"
        await self._rights.reached(outcome.token)

    # --- put right ---------------------------------------------------------------------------------------------------

    async def rectify(
        self,
        tenant: str,
        account: tuple[str, str],
        void: Sequence[str],
        events: Sequence[Mapping[str, Any]],
    ) -> dict[str, int]:
        """Void events of a person by their ids, and have others take their place; return how many, when it counts.

        Asked for again, it changes nothing.

        Raises
        ------
        InputError
            Nothing is asked for, or too much, or an event says whose it is.
        ControlError
            An id is of no event of this person, or an event was refused; then all is as it was.
        StoreError
            It cannot be written to the log.
        """
        self._need_one_state("a correction of a person's events")
        checked(void, events)
        node, keys = self._rights, self._keys(tenant, self.raw_key(tenant, account))
        async with self._one_at_a_time:
            await asyncio.to_thread(check_theirs, node, tenant, keys, void)
            if events:
                batch, ids = replacements(account, void, events)
                refused = await send_events(node, tenant, batch)
                if refused:
                    await void_events(node, tenant, ids)
                    raise ControlError(
                        f"{refused:,} of {len(events):,} events were refused, so nothing was changed; send them to "
                        f"/v1/events of a node for trial to see why"
                    )
            if void:
                await void_events(node, tenant, void)
        return {"voided": len(void), "sent": len(events)}

    # --- a copy ------------------------------------------------------------------------------------------------------

    async def archive(self, tenant: str, key: int) -> bytes:
        """Return all that is kept of a person, as a ZIP file with an index (GDPR, articles 15 and 20).

        Raises `RightsError` if it is too much for one archive, `VaultError` where records cannot be read.
        """
        self._need_one_state("a copy of all that is kept of a person")
        keys = self._keys(tenant, key)
        raw = [(int(hi) << 64 | int(lo)).to_bytes(16, "big") for hi, lo in zip(*keys, strict=True)]
        async with self._one_archive:
            records = [await self._rights.records.of_person(tenant, one) for one in raw]
            return await asyncio.to_thread(self._archived, tenant, keys, raw, records)

    def _archived(
        self, tenant: str, keys: Keys, raw: Sequence[bytes], records: Sequence[PersonRecords]
    ) -> bytes:
        files = [
            *self._of_state(tenant, keys),
            *_of_records(records),
            self._of_cohorts(tenant, keys),
            self._of_erasures(tenant, raw),
            self._of_consents(tenant, keys),
            self._about(tenant, raw),
        ]
        said = (
            "This is all that is kept of one person in the data of this learning platform: what they did, what was "
            "made of it, what they wrote, and what they have allowed. It holds nothing of anybody else; in their own "
            "statements other people stand as somebody.",
            "Files that end in .json and .csv can be read by other programs. Text in them is UTF-8.",
        )
        now_ms = self._rights.now_ms()
        return archive_of(files, f"Your data, {format_instant(now_ms)[:10]}", said, now_ms)

    def _of_state(self, tenant: str, keys: Keys) -> list[ArchiveFile]:
        with self._rights.live.held(tenant) as one:
            still = one.state.history_alone()
        texts = self._labelled(tenant, still).dictionaries
        kept = kept_of(still, keys, texts)
        events = told_events(kept, texts)
        enrolments = [told_row(row) for row in kept.enrolments]
        return [
            ArchiveFile("events.json", _json(events), "Every event, voided ones too"),
            ArchiveFile("events.csv", events_as_csv(events), "The same events, as a table"),
            ArchiveFile(
                "profile.json",
                _json(told_row(kept.learner)),
                "What the events add up to: days by kind of activity, attributes and since when they are so",
            ),
            ArchiveFile(
                "enrolments.json",
                _json(enrolments),
                "The same for each course run, with grade, progress and completion",
            ),
        ]

    def _labelled(self, tenant: str, state: State) -> State:
        showing = self._showing.get(tenant)
        return state if showing is None else showing(state, Shows.LABELS)

    def _of_cohorts(self, tenant: str, keys: Keys) -> ArchiveFile:
        live = self._rights.live
        shown = live.read(tenant, lambda state: state.shown_keys(*keys))
        names = sorted({f"{int(hi):016x}{int(lo):016x}" for hi, lo in zip(*shown, strict=True)})
        memberships = self._rights.memberships
        found: dict[str, int] = {}
        for name in names:
            found |= dict(memberships.read(tenant, partial(_cohorts_of, name)))
        all_names = {
            *names,
            *(f"{int(hi):016x}{int(lo):016x}" for hi, lo in zip(*keys, strict=True)),
        }
        lists = [
            name
            for name, version in live.control.definitions(tenant, DefinitionKind.LIST).items()
            if any(one in _json(version.written).decode() for one in all_names)
        ]
        content = {"cohorts": [{"name": n, "version": v} for n, v in sorted(found.items())]}
        return ArchiveFile(
            "cohorts.json",
            _json({**content, "lists": lists}),
            "Groups that this person is in now, and lists that name them",
        )

    def _of_erasures(self, tenant: str, raw: Sequence[bytes]) -> ArchiveFile:
        mine = {one.hex() for one in raw}
        certificates = self._erasures.certificates(tenant)
        found = [one.to_json() for one in certificates if mine & set(one.keys)]
        for one in found:
            one["learners"] = sorted(mine & set(one["learners"]))
        return ArchiveFile(
            "erasures.json", _json(found), "What was erased of this person, and how far that is"
        )

    def _of_consents(self, tenant: str, keys: Keys) -> ArchiveFile:
        content = self.consents(tenant, int(keys[0][0]) << 64 | int(keys[1][0]))
        return ArchiveFile(
            "consents.json", _json(content), "What this person has allowed, refused and restricted"
        )

    def _about(self, tenant: str, raw: Sequence[bytes]) -> ArchiveFile:
        terms = self._rights.live.control.tenants.get(tenant)
        webhooks = self._rights.live.control.webhooks.values()
        content = {
            "pseudonyms": [one.hex() for one in raw],
            "purposes": sorted(self._rights.live.control.purposes(tenant)),
            "events_kept_for_days": (terms.keep_days or None) if terms is not None else None,
            "recipients_of_cohort_changes": sum(one.tenant == tenant for one in webhooks),
            "source": "events that learning platforms sent, and statements that they stored",
        }
        return ArchiveFile(
            "about.json",
            _json(content),
            "Under which pseudonyms the data are kept, what for, and for how long",
        )


def _cohorts_of(learner: str, membership: Membership) -> tuple[Named, ...]:
    return learner_now(membership, learner).cohorts


def _of_records(records: Sequence[PersonRecords]) -> list[ArchiveFile]:
    """Return the files of what the record store keeps."""
    statements = [
        {**one, "stored": format_instant(one["stored_ms"])}
        for each in records
        for one in each.statements
    ]
    for one in statements:
        del one["stored_ms"]
    documents: list[dict[str, Any]] = []
    files = []
    for each in records:
        for document in each.documents:
            name = f"documents/{len(documents) + 1:04d}"
            told = {"id": document.id, "type": document.content_type, "file": name}
            documents.append({**told, "updated": format_instant(document.updated_ms)})
            files.append(
                ArchiveFile(name, document.content, f"A document: {document.content_type}")
            )
        files += [
            ArchiveFile(f"attachments/{sha2}", data, "An attachment of a statement")
            for sha2, data in sorted(each.attachments.items())
        ]
    forms = [form for each in records for form in each.forms]
    return [
        ArchiveFile("statements.json", _json(statements), "Their statements, voided ones too"),
        ArchiveFile(
            "documents.json", _json(documents), "Their documents, and in which file each is"
        ),
        ArchiveFile(
            "names.json", _json(forms), "The names and accounts under which statements named them"
        ),
        *{one.name: one for one in files}.values(),
    ]
