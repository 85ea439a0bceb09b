"""Erasures of a running node: taken, made to count, and followed until nothing is left.

Who asks hears yes when three things hold: the register has it, durably; the log has it; and it counts here, so that no
answer has anything of the person any more and nothing of them comes in. What lies on the disk by then is cleaned
afterwards, place by place, and the certificate says where it was done.

Whatever ends the node in between, the register knows what was asked for: a start first makes all of it count, before
anybody is served, and then goes on to clean. So it is with a directory that was restored, too, in which nothing of an
erasure may be known.

The way not taken is to clean before saying yes. It takes as long as the data are large, and a restart in the middle
would leave an erasure that nobody remembers.
"""

import asyncio
import contextlib
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from homeroom import limits
from homeroom.adapters.delivery_store import DeliveryStore
from homeroom.adapters.erasure_register import ErasureRegister, Registered, read_note
from homeroom.adapters.erasure_reports import Reports, read_reports, write_reports
from homeroom.cohorts.live import Trouble
from homeroom.corrections import Account, raw_key
from homeroom.errors import ControlError, ErasureError, HomeroomError, StoreError, kind_and_places
from homeroom.events.generations import key_at
from homeroom.log.certificates import CLEANED, Certificate, Place, certificate
from homeroom.log.control import Readmitted
from homeroom.log.entries import Entry, Sign
from homeroom.log.erasures import Erasure, erased_keys, erasure_of
from homeroom.log.log import Accepted, Offer, Refused
from homeroom.log.origins import Stream, Token
from homeroom.log.redacting import redacted_entry, redacted_parts
from homeroom.log.store import Store
from homeroom.running.copying import RecordCopies
from homeroom.running.live import Live
from homeroom.running.memberships import Memberships
from homeroom.running.node_records import NodeRecords
from homeroom.running.recording import RecordReader, redacted_records
from homeroom.state.keys import Keys, find_sorted

__all__ = ["Erasing", "RunningErasures", "open_register"]

DELIVERIES: Final = "deliveries.db"
_T = TypeVar("_T")
_Clean: TypeAlias = Callable[[Mapping[str, Sequence[Erasure]]], Awaitable[str | None]]


def open_register(path: Path | None, folder: Path) -> ErasureRegister | None:
    """Open the register of a data directory; None where there is none.

    Raises `ErasureError` if the directory had one and none is named, or it is not the one.
    """
    if path is not None:
        return ErasureRegister(path, folder)
    if read_note(folder) is not None:
        raise ErasureError(
            f"{folder} has a register of erasures, and none is named: without it people who were erased would be back. "
            f"Name it with node.erasure_register"
        )
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing:
    """What erasures are done with.

    Parameters
    ----------
    path : the data directory
    place : the region and the jurisdiction that the node is in, empty if nobody said
    node, sign : the node's name, and its signature
    now_ms : the clock of the machine, milliseconds since 1970 UTC
    register : where erasures are durable; None for a node that takes none
    backup_days : for how many days backups are kept; None if nobody said
    keeps_answers : whether a Redis may have answers from a life before
    store, live, memberships, recorder, records, copies : the parts of the node that hold something of people
    key : returns the key of a tenant's pseudonyms
    offer : offers something to the log
    reached : returns when an entry is folded
    in_writer : has something done in the thread that writes, between two writes
    shut : lets nothing in any more that is of some raw keys of a tenant; in the thread that writes
    snapshot : writes snapshots of some tenants, and returns when the ones before them are gone
    is_among_others : whether entries of other nodes come, with erasures that this one has not been asked for
    late : returns how many documents of others have come with something of who was erased by then
    """

    path: Path
    place: tuple[str, str]
    node: str
    sign: Sign
    now_ms: Callable[[], int]
    register: ErasureRegister | None
    backup_days: int | None
    store: Store
    live: Live
    memberships: Memberships
    recorder: RecordReader
    records: NodeRecords
    copies: RecordCopies
    key: Callable[[str], bytes]
    offer: Callable[[Offer], Awaitable[Accepted | Refused]]
    reached: Callable[[Token], Awaitable[None]]
    in_writer: Callable[[Callable[[], Any]], Awaitable[Any]]
    shut: Callable[[str, Keys], None]
    snapshot: Callable[[Sequence[str]], None]
    is_among_others: bool = False
    late: Callable[[], int] = int
    keeps_answers: bool = False


class RunningErasures:
    """The erasures of a node; made and used in one event loop."""

    def __init__(self, wiring: Erasing) -> None:
        self._wiring = wiring
        self._reports: Reports = read_reports(wiring.path)
        self._waits: dict[Place, str] = {}
        self._fault: str | None = None
        self._one_at_a_time = asyncio.Lock()
        self._cleaning = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        # In a world: how many events of who is erased had come when the log was cleaned, and of whom it is clean.
        self._cut_cleaned = -1
        self._clean_of: dict[str, frozenset[int]] = {}
        self._heeded = (0, 0)
        self._task: asyncio.Task[None] | None = None
        self._audit: Callable[[str, str, Mapping[str, Any]], None] | None = None
        self._forget_deliveries: Callable[[str, Sequence[str]], Awaitable[None]] | None = None
        self._forget_answers: Callable[[str], Awaitable[bool]] | None = None

    @property
    def wiring(self) -> Erasing:
        """The parts of the node that hold something of people."""
        return self._wiring

    @property
    def _registered(self) -> Sequence[Registered]:
        register = self._wiring.register
        return () if register is None else register.registered

    async def begin(self) -> None:
        """Make count what the register has, before anybody is served; then clean what is left.

        Raises `StoreError` where the log cannot be written.
        """
        await self.follow()
        if self._wiring.register is not None:
            # That it is there says that the register has been read since the directory was restored, if it was.
            await asyncio.to_thread(write_reports, self._wiring.path, self._reports)
        self._task = asyncio.get_running_loop().create_task(self._keep_cleaning())

    async def follow(self, tenant: str | None = None) -> None:
        """Make count what the register has, of a tenant that is new or of all. Raises `StoreError` and `ErasureError`.

        A tenant may come after its erasures: into a directory that was lost, say, or restored to a time before it.
        """
        for one in self._registered:
            if one.tenant in self._wiring.live.tenants() and tenant in (None, one.tenant):
                await self._make_count(one)

    async def stop(self) -> None:
        """Clean nothing more; the next start goes on."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        if self._wiring.register is not None:
            self._wiring.register.close()

    def audit_with(self, audit: Callable[[str, str, Mapping[str, Any]], None] | None) -> None:
        """Have it written down durably, by tenant and author, what is asked for by command; None has it nowhere."""
        self._audit = audit

    def deliver_with(self, forget: Callable[[str, Sequence[str]], Awaitable[None]] | None) -> None:
        """Have whoever delivers forget learners of a tenant; None where nobody does."""
        self._forget_deliveries = forget
        self._wanted.set()

    def forget_answers_with(self, forget: Callable[[str], Awaitable[bool]] | None) -> None:
        """Have whoever keeps answers forget those of a tenant, and say whether that is done; None where nobody does."""
        self._forget_answers = forget
        self._wanted.set()

    # --- asked -------------------------------------------------------------------------------------------------------

    def troubles(self) -> tuple[Trouble, ...]:
        """Return what is wrong."""
        if self._fault is not None:
            return (Trouble(self._fault),)
        now_ms = self._wiring.now_ms()
        late = [one for one in self.certificates(None) if one.is_overdue(now_ms)]
        if not late:
            return ()
        places = ", ".join(f"{place}: {why}" for place, why in self._waits.items()) or "under way"
        return (Trouble(f"{len(late):,} erasures should be done by now and are not ({places})"),)

    def certificates(self, tenant: str | None) -> list[Certificate]:
        """Return how far all erasures of a tenant, or of all, are; the newest last."""
        return [self._certificate(one) for one in self._registered if tenant in (None, one.tenant)]

    def find(self, tenant: str, name: str) -> Certificate:
        """Return how far an erasure is. Raises `ControlError` if there is none of this name."""
        for one in self._registered:
            if (one.tenant, one.erasure.name) == (tenant, name):
                return self._certificate(one)
        raise ControlError(f"there is no erasure {name[:32]!r}")

    def _certificate(self, one: Registered) -> Certificate:
        wiring, erasure = self._wiring, one.erasure
        done = self._reports.get(erasure.name, {})
        backups = (wiring.backup_days, wiring.now_ms())
        return certificate((one.tenant, wiring.node), erasure, done, self._waits, backups)

    def raw_keys(self, tenant: str, learners: Sequence[Account]) -> list[int]:
        """Return the raw keys of learners, each a pseudonym or (issuer, account), as 128-bit numbers.

        Raises `InputError` for one that is neither, `ControlError` for a tenant that is not there.
        """
        if tenant not in self._wiring.live.tenants():
            raise ControlError(f"there is no tenant {tenant!r}")
        key, found = partial(self._wiring.key, tenant), []
        readmitted = self._wiring.live.control.readmitted.get(tenant, {})
        for number, one in enumerate(learners, 1):
            first = raw_key(one, f"learner {number}", key)
            if not isinstance(one, str) and readmitted:
                first = int.from_bytes(key_at(key(), one, readmitted), "big")
            found.append(first)
        return found

    def readmission(self, tenant: str, name: str) -> Readmitted:
        """Return the fact that those who were erased may come again from now on. Raises `ControlError`."""
        keys = self.find(tenant, name).keys
        return Readmitted(tenant=tenant, keys=keys, from_ms=self._wiring.now_ms())

    # --- taken -------------------------------------------------------------------------------------------------------

    async def erase(self, tenant: str, keys: Iterable[int], author: str) -> Certificate:
        """Erase people by raw keys, 128-bit numbers, with all raw keys that are merged with these.

        Return when it is in the register and counts. Whoever asks for what was erased gets the same certificate.

        Raises
        ------
        ControlError
            The node has no register, there is no such tenant, nobody is named, or there are too many.
        ErasureError
            The register cannot be written, or records cannot be destroyed.
        StoreError
            It cannot be written to the log.
        """
        register = self._wiring.register
        if register is None:
            raise ControlError(
                "this node has no register of erasures, and erases nobody without one: name a file outside of the data "
                "directory with node.erasure_register"
            )
        if tenant not in self._wiring.live.tenants():
            raise ControlError(f"there is no tenant {tenant!r}")
        asked = set(keys)
        whole = self._wiring.live.read(
            tenant, lambda state: {k for key in asked for k in state.history.identities.group(key)}
        )
        if not 1 <= len(whole) <= limits.ERASED_KEYS_MAX:
            raise ControlError(
                f"{len(whole):,} raw keys would be erased; from 1 to {limits.ERASED_KEYS_MAX:,} are allowed at once"
            )
        async with self._one_at_a_time:
            erasure = erasure_of(secrets.token_bytes(16), self._wiring.now_ms(), sorted(whole))
            for before in self._registered:
                if (before.tenant, before.erasure.keys) == (tenant, erasure.keys):
                    return self._certificate(before)
            await asyncio.to_thread(register.append, tenant, erasure, author)
            one = register.registered[-1]
            await self._make_count(one)
        self._wanted.set()
        return self._certificate(one)

    async def erase_by_command(
        self, tenant: str, learners: Sequence[Account], author: str
    ) -> Certificate:
        """Erase learners as `erase` does, for somebody who asks without the interface; it is audited here.

        Raises `InputError` for one who is neither a pseudonym nor (issuer, account), and like `erase`.
        """
        keys = self.raw_keys(tenant, learners)
        if self._audit is not None:
            await asyncio.to_thread(self._audit, tenant, author, {"learners": len(keys)})
        return await self.erase(tenant, keys, author)

    async def _make_count(self, one: Registered) -> None:
        """Return when nothing of who is erased is told any more, and nothing comes in."""
        wiring, keys = self._wiring, erased_keys([one.erasure])
        known = wiring.live.read(one.tenant, lambda state: state.history.erased)
        if (find_sorted(*known, *keys) < 0).any():
            await self._write(one)
        subjects = one.erasure.raw_keys()

        await self._forget(one.tenant, keys, subjects)

    async def _forget(self, tenant: str, keys: Keys, subjects: Sequence[bytes]) -> None:
        """Let nothing in any more of who is erased, and destroy their records. Raises `ErasureError`."""
        wiring = self._wiring

        def forget() -> str | None:
            wiring.shut(tenant, keys)
            return wiring.recorder.erase(tenant, subjects)

        why = await wiring.in_writer(forget)
        if why is not None:
            raise ErasureError(f"the records of who is erased cannot be destroyed: {why}")
        for subject in subjects:
            wiring.records.forget(tenant, subject)

    async def _write(self, one: Registered) -> None:
        """Write an erasure to the log; return when it counts here. Raises `StoreError` and `NotYetError`."""
        outcome = await self._wiring.offer(
            Offer(
                ticket=0,
                tenant=one.tenant,
                owner="",
                batch_id=f"erasure {secrets.token_hex(16)}",
                digest=b"",
                content=one.erasure,
                events=0,
                size_bytes=len(one.erasure.keys),
                is_kept=False,
            )
        )
        if isinstance(outcome, Refused):
            raise StoreError(outcome.why)
        assert outcome.token is not None, "an erasure is written"
        await self._wiring.reached(outcome.token)

    # --- cleaned -----------------------------------------------------------------------------------------------------

    async def settled(self) -> None:
        """Return when all places have been cleaned that can be by now."""
        async with self._cleaning:
            await self._clean_all()

    async def _clean_all(self) -> None:
        """Clean all places; those that cannot be cleaned say why in the certificates."""
        self._wanted.clear()
        if tenants := self._open():
            await self._clean_own(tenants)
        if self._wiring.is_among_others:
            await self._clean_for_others()

    async def _clean_own(self, tenants: Mapping[str, Sequence[Erasure]]) -> None:
        for place, clean in self._cleaners():
            mine = {
                tenant: [one for one in several if place.value not in self._done(one)]
                for tenant, several in tenants.items()
            }
            mine = {tenant: several for tenant, several in mine.items() if several}
            if not mine:
                continue
            there = {name: mine[name] for name in mine if name in self._wiring.live.tenants()}
            try:
                why = await clean(there) if there else None
            except HomeroomError as error:
                why = str(error)
            if why is not None:
                self._waits[place] = why
                continue
            self._waits.pop(place, None)
            await self._report(place, [one for several in mine.values() for one in several])

    def _cleaners(self) -> Sequence[tuple[Place, _Clean]]:
        return (
            (Place.LOG, self._clean_log),
            (Place.HISTORY, self._clean_history),
            (Place.MEMBERSHIP, self._clean_membership),
            (Place.RECORDS, self._clean_records),
            (Place.COPIES, self._clean_copies),
            (Place.WEBHOOKS, self._clean_webhooks),
            (Place.CACHES, self._clean_caches),
        )

    def heed(self) -> None:
        """Take that something was folded: others' erasures perhaps, or events of who is erased; in one thread."""
        live = self._wiring.live
        heeded, self._heeded = self._heeded, (live.removals, live.cut_events + self._wiring.late())
        if heeded == self._heeded:
            return
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wanted.set)

    async def _clean_for_others(self) -> None:
        """Clean all places of whom another node was asked to erase, and the log of whom it has something from since.

        Others' entries are written as they come: a node elsewhere may not have known of the erasure. The log is read
        once at each start too, since what was found may not have been cleaned before the last end.
        """
        wiring = self._wiring
        cut = wiring.live.cut_events + wiring.late()
        everybody = {
            tenant: frozenset(hi << 64 | lo for hi, lo in keys)
            for tenant, keys in wiring.live.erased().items()
            if keys
        }
        own: dict[str, set[int]] = {}
        for one in self._registered:
            own.setdefault(one.tenant, set()).update(_numbers(one.erasure))
        others = {tenant: keys - own.get(tenant, set()) for tenant, keys in everybody.items()}
        of_all = [one for several in _as_erasures(others).values() for one in several]
        erasures = _as_erasures(
            {}
            if all(self._done(one) for one in of_all)
            else {of: keys - self._clean_of.get(of, frozenset()) for of, keys in others.items()}
        )
        for tenant, several in erasures.items():
            subjects = [key for one in several for key in one.raw_keys()]
            await self._forget(tenant, erased_keys(several), subjects)
        todo = [(place, clean, erasures) for place, clean in self._cleaners() if erasures]
        if cut != self._cut_cleaned and everybody:
            todo = [(Place.LOG, self._clean_log, _as_erasures(everybody)), *todo[1:]]
        for place, clean, of in todo:
            why = await clean(of)
            if why is not None:
                self._waits[place] = why
                return
            self._waits.pop(place, None)
        before = [one for several in _as_erasures(self._clean_of).values() for one in several]
        for former in before:
            self._reports.pop(former.name, None)
        for place in CLEANED if of_all != before else ():
            await self._report(place, of_all)
        self._cut_cleaned, self._clean_of = cut, others

    def _done(self, erasure: Erasure) -> dict[str, int]:
        return self._reports.get(erasure.name, {})

    def _open(self) -> dict[str, list[Erasure]]:
        """Return by tenant the erasures of which a place is to be cleaned."""
        found: dict[str, list[Erasure]] = {}
        for one in self._registered:
            if not {place.value for place in CLEANED} <= self._done(one.erasure).keys():
                found.setdefault(one.tenant, []).append(one.erasure)
        return found

    async def _report(self, place: Place, erasures: Sequence[Erasure]) -> None:
        now_ms = self._wiring.now_ms()
        for one in erasures:
            self._reports.setdefault(one.name, {})[place.value] = now_ms
        await asyncio.to_thread(write_reports, self._wiring.path, self._reports)

    async def _keep_cleaning(self) -> None:
        while True:
            try:
                await self.settled()
                self._fault = None
            except Exception as error:  # noqa: BLE001 - told as a trouble, and tried again
                why = str(error) if isinstance(error, HomeroomError) else kind_and_places(error)
                self._fault = f"what is left of people who are erased cannot be cleaned: {why}"
            if not self._waits and self._fault is None:
                await self._wanted.wait()
                continue
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), limits.ERASURE_RETRY_MS / 1_000)

    async def _clean_log(self, erasures: Mapping[str, Sequence[Erasure]]) -> str | None:
        """Redact what the log holds up to now: what comes later is cut at the door."""
        store = self._wiring.store
        of_events = partial(redacted_parts, erased=_pairs(erasures))
        subjects = _subjects(erasures)
        for origin, held in sorted((await asyncio.to_thread(store.held)).items()):
            if origin.stream is Stream.CONTROL:
                continue
            redact = of_events
            if origin.stream.has_documents:
                redact = partial(redacted_records, origin.stream, erased=subjects)
            for first in range(1, held + 1, limits.REDACTED_ENTRIES):
                read = partial(store.read, origin, first, limits.REDACTED_ENTRIES)
                found = await asyncio.to_thread(self._redacted, read, redact)
                if found:
                    await self._wiring.in_writer(partial(store.redact, found))
        why: str | None = await self._wiring.in_writer(store.scrub)
        return why

    def _redacted(
        self, read: Callable[[], list[Entry]], redact: Callable[[bytes], bytes | None]
    ) -> list[Entry]:
        found = (
            redacted_entry(entry, redact, self._wiring.node, self._wiring.sign) for entry in read()
        )
        return [entry for entry in found if entry is not None]

    async def _clean_history(self, erasures: Mapping[str, Sequence[Erasure]]) -> None:
        """Have two snapshots written: the one before the newest is kept too."""
        for _ in range(2):
            await asyncio.to_thread(self._wiring.snapshot, sorted(erasures))

    async def _clean_membership(self, erasures: Mapping[str, Sequence[Erasure]]) -> None:
        for tenant, several in erasures.items():
            forget = self._wiring.memberships.forget
            await asyncio.to_thread(forget, tenant, erased_keys(several))

    async def _clean_records(self, _erasures: Mapping[str, Sequence[Erasure]]) -> str | None:
        """Their keys were destroyed when they began to count; what the journal has goes now."""
        async with self._wiring.copies.paused():
            why: str | None = await self._wiring.in_writer(self._wiring.recorder.scrub)
        return why

    async def _clean_copies(self, _erasures: Mapping[str, Sequence[Erasure]]) -> None:
        """Have the vault's copies made anew: what was destroyed in the file is in none of them then."""
        await self._wiring.copies.renew()

    async def _clean_caches(self, erasures: Mapping[str, Sequence[Erasure]]) -> str | None:
        """Remove all answers that are kept of these tenants; those of before the erasure are told to nobody already."""
        forget = self._forget_answers
        if forget is None:
            # What a Redis has from a life before is not gone until somebody has looked.
            return "the cache has not begun" if self._wiring.keeps_answers else None
        done = [await forget(tenant) for tenant in erasures]
        return (
            None if all(done) else "a Redis that cannot be reached; what it keeps expires by itself"
        )

    async def _clean_webhooks(self, erasures: Mapping[str, Sequence[Erasure]]) -> None:
        for tenant, several in erasures.items():
            learners = [key.hex() for one in several for key in one.raw_keys()]
            if self._forget_deliveries is not None:
                await self._forget_deliveries(tenant, learners)
            else:
                await asyncio.to_thread(
                    _forget_kept, self._wiring.path / DELIVERIES, tenant, learners
                )


def _forget_kept(path: Path, tenant: str, learners: Sequence[str]) -> None:
    if path.exists():
        with contextlib.closing(DeliveryStore(path)) as store:
            store.forget(tenant, learners)


def _numbers(erasure: Erasure) -> set[int]:
    return {int.from_bytes(key, "big") for key in erasure.raw_keys()}


def _as_erasures(keys: Mapping[str, Iterable[int]]) -> dict[str, list[Erasure]]:
    """Return by tenant one erasure of raw keys that nobody registered here, without tenants of which there are none."""
    made = {tenant: sorted(some) for tenant, some in keys.items()}
    return {tenant: [_unregistered(tenant, some)] for tenant, some in made.items() if some}


def _unregistered(tenant: str, keys: Sequence[int]) -> Erasure:
    named = hashlib.sha256(repr((tenant, keys)).encode()).digest()[:16]
    return erasure_of(named, 0, keys)


def _pairs(
    erasures: Mapping[str, Sequence[Erasure]],
) -> dict[str, frozenset[tuple[int, int]]]:
    found = {}
    for tenant, several in erasures.items():
        halves = (half.tolist() for half in erased_keys(several))
        found[tenant] = frozenset(zip(*halves, strict=True))
    return found


def _subjects(erasures: Mapping[str, Sequence[Erasure]]) -> dict[str, frozenset[bytes]]:
    return {
        tenant: frozenset(key for one in several for key in one.raw_keys())
        for tenant, several in erasures.items()
    }
