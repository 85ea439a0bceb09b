"""What is not delivered yet, on the disk: it survives whatever ends the process, and is read a piece at a time.

A file of SQLite in the node's directory holds the changes that some webhook has not had, once for all webhooks of a
tenant, and of each webhook its place in them, its open deliveries and its dead letters. All that a step wants kept is
one transaction, durable when `DeliveryStore.write` returns; steps that come together share it.

As with the log (`homeroom.adapters.log_sqlite`), a failed write is final: what the file then holds is not known before
it is opened anew, so it takes no more until the node starts again. Nothing is lost by that, since changes that were not
taken are asked for again.

The way not taken is a table of messages, a row a webhook and change. With a hundred webhooks a change would be a
hundred rows, and a target that is down for a day would fill the disk a hundred times as fast.
"""

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec

from homeroom import limits
from homeroom.adapters.whole_files import sync
from homeroom.errors import StoreError
from homeroom.hooks.messages import Delivery, Direction, MemberChange
from homeroom.hooks.standing import DeadLetter, Lost
from homeroom.hooks.steps import (
    Advance,
    Again,
    Bury,
    DropDead,
    Dropped,
    Finish,
    Forget,
    ForgetDead,
    Keep,
    Kept,
    KeptLine,
    KeptState,
    KeptTry,
    Load,
    LoadAgain,
    Loaded,
    LoadedAgain,
    Lose,
    Measure,
    Measured,
    Note,
    Open,
    Reopen,
    Sought,
    Start,
    Suspend,
    Trim,
    Why,
)

__all__ = ["NOBODY", "DeliveryStore", "Found"]

_REVISION: Final = 1
_TABLES: Final = """
CREATE TABLE tenants (tenant TEXT PRIMARY KEY, taken INTEGER NOT NULL, trimmed INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE changes (
    tenant TEXT NOT NULL, number INTEGER NOT NULL, cohort TEXT NOT NULL, version INTEGER NOT NULL,
    learner TEXT NOT NULL, direction TEXT NOT NULL, at_ms INTEGER NOT NULL, cause TEXT NOT NULL,
    PRIMARY KEY (tenant, number)
) WITHOUT ROWID;
CREATE TABLE webhooks (
    webhook TEXT PRIMARY KEY, tenant TEXT NOT NULL, cursor INTEGER NOT NULL,
    suspended_turn INTEGER, suspended_why TEXT
) WITHOUT ROWID;
CREATE TABLE deliveries (
    place INTEGER PRIMARY KEY, webhook TEXT NOT NULL, delivery TEXT NOT NULL, state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, first_ms INTEGER, due_ms INTEGER NOT NULL DEFAULT 0,
    given_up_ms INTEGER, why TEXT, changes BLOB NOT NULL,
    UNIQUE (webhook, delivery)
);
CREATE INDEX deliveries_of_state ON deliveries (webhook, state, place);
CREATE TABLE lost (
    webhook TEXT NOT NULL, why TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (webhook, why)
) WITHOUT ROWID;
"""
_SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA secure_delete = ON",
    "PRAGMA wal_autocheckpoint = 0",
)
_CHECKPOINT_WRITES: Final = 256
"""The journal's pages are moved to the file after so many writes: by itself SQLite would, and not say if that fails."""
NOBODY: Final = "0" * 32
"""Whom a change is about whose learner is erased."""
_OPEN, _DEAD, _AGAIN = "open", "dead", "again"
_COLUMNS: Final = "number, cohort, version, learner, direction, at_ms, cause"
_ADD: Final = "INSERT INTO deliveries (webhook, delivery, state, changes) VALUES (?, ?, 'open', ?)"
_LOSE: Final = (
    "INSERT INTO lost VALUES (?, ?, ?, ?) ON CONFLICT (webhook, why) "
    "DO UPDATE SET first = min(first, excluded.first), last = max(last, excluded.last)"
)
_SCANNED: Final = (
    "SELECT count(*), max(number) FROM (SELECT number FROM changes "
    "WHERE tenant = ? AND number > ? AND number <= ? ORDER BY number LIMIT ?)"
)
_OLDEST_DEAD: Final = (
    "SELECT place, changes FROM deliveries WHERE webhook = ? AND state IN ('dead', 'again') "
    "ORDER BY place LIMIT 1"
)
_REOPEN: Final = (
    "UPDATE deliveries SET state = 'open', attempts = 0, first_ms = NULL, due_ms = 0, given_up_ms = NULL, "
    "place = (SELECT max(place) + 1 FROM deliveries) WHERE webhook = ? AND delivery = ?"
)
_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(tuple[MemberChange, ...]).decode

Found: TypeAlias = Loaded | LoadedAgain | Measured | Dropped


class DeliveryStore:
    """The file of deliveries. One thread uses it at a time.

    Parameters
    ----------
    path : the file, made if there is none

    Raises
    ------
    StoreError
        It cannot be opened or made, is damaged, or of a newer release.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._failure: str | None = None
        self._writes = 0
        with self._told("opened"):
            # Made before SQLite makes it, so that it is the owner's alone from the start.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            sync(path.parent)
            self._connection = sqlite3.connect(
                path,
                isolation_level=None,
                check_same_thread=False,
                timeout=limits.STORE_LOCK_WAIT_MS_MAX / 1_000,
            )
        try:
            with self._told("opened"):
                self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        for setting in _SETTINGS:
            self._connection.execute(setting)
        # What an earlier failed fsync left in the kernel's memory only becomes durable, or is told, here.
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        revision = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if revision > _REVISION:
            raise StoreError(
                f"{self.path} is of a newer release (schema {revision}, this one has {_REVISION}); use that release"
            )
        if revision == 0:
            self._connection.executescript(
                f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_REVISION}; COMMIT;"
            )

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, msgspec.MsgspecError, ValueError) as error:
            raise StoreError(
                f"the file of deliveries {self.path} cannot be {what}: {error}. Check its disk and its rights; if it "
                f"is damaged, move it away: what was not delivered is then lost, and webhooks go on with what is new"
            ) from error

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # --- kept --------------------------------------------------------------------------------------------------------

    def write(self, effects: Sequence[Kept]) -> list[Dropped]:
        """Keep what steps want kept, all or nothing; return when it is durable, with what was dropped."""
        if self._failure is not None:
            raise StoreError(
                f"the file of deliveries {self.path} takes no more since a write failed ({self._failure}); "
                f"free its disk and start the node again"
            )
        try:
            with self._told("written"):
                self._connection.execute("BEGIN IMMEDIATE")
                dropped = [one for one in map(self._keep, effects) if one is not None]
                self._connection.execute("COMMIT")
                self._writes += 1
                if self._writes % _CHECKPOINT_WRITES == 0:
                    self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except BaseException as error:
            self._failure = str(error)
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise
        return dropped

    def _keep(self, effect: Kept) -> Dropped | None:
        match effect:
            case Keep() | Trim():
                self._keep_changes(effect)
            case Start() | Forget() | Advance() | Suspend() | Lose():
                self._keep_webhook(effect)
            case Open():
                self._opened(effect)
            case ForgetDead(webhook):
                self._forget_dead(webhook)
            case DropDead():
                return self._drop_dead(effect)
            case Note() | Finish() | Bury() | Again() | Reopen():
                self._keep_delivery(effect)
        return None

    def _keep_changes(self, effect: Keep | Trim) -> None:
        execute = self._connection.execute
        if isinstance(effect, Trim):
            execute(
                "UPDATE tenants SET trimmed = ? WHERE tenant = ?", (effect.up_to, effect.tenant)
            )
            execute(
                "DELETE FROM changes WHERE tenant = ? AND number <= ?",
                (effect.tenant, effect.up_to),
            )
            return
        execute(
            "INSERT INTO tenants VALUES (?, ?, 0) ON CONFLICT (tenant) DO UPDATE SET taken = excluded.taken",
            (effect.tenant, effect.up_to),
        )
        self._connection.executemany(
            "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(effect.tenant, *_row_of(one)) for one in effect.changes],
        )

    def _keep_webhook(self, effect: Start | Forget | Advance | Suspend | Lose) -> None:
        execute = self._connection.execute
        match effect:
            case Start(webhook, tenant, cursor):
                execute(
                    "INSERT INTO webhooks VALUES (?, ?, ?, NULL, NULL)", (webhook, tenant, cursor)
                )
            case Forget(webhook):
                for table in ("webhooks", "deliveries", "lost"):
                    execute(f"DELETE FROM {table} WHERE webhook = ?", (webhook,))  # noqa: S608 - our own names
            case Advance(webhook, cursor):
                execute("UPDATE webhooks SET cursor = ? WHERE webhook = ?", (cursor, webhook))
            case Suspend(webhook, turn, why):
                execute(
                    "UPDATE webhooks SET suspended_turn = ?, suspended_why = ? WHERE webhook = ?",
                    (None if why is None else turn, why, webhook),
                )
            case Lose(webhook, why, first, last):
                execute(_LOSE, (webhook, why.value, first, last))

    def _opened(self, effect: Open) -> None:
        self._connection.executemany(
            _ADD, [(one.webhook, one.id, _encode(one.changes)) for one in effect.deliveries]
        )
        self._keep_webhook(Advance(effect.webhook, effect.cursor))

    def _keep_delivery(self, effect: Note | Finish | Bury | Again | Reopen) -> None:
        execute, of_one = self._connection.execute, "WHERE webhook = ? AND delivery = ?"
        match effect:
            case Note(webhook, delivery, attempts, first_ms, due_ms, why):
                execute(
                    f"UPDATE deliveries SET attempts = ?, first_ms = ?, due_ms = ?, why = ? {of_one}",  # noqa: S608
                    (attempts, first_ms, due_ms, why, webhook, delivery),
                )
            case Finish(webhook, delivery):
                execute(f"DELETE FROM deliveries {of_one}", (webhook, delivery))  # noqa: S608
            case Bury(webhook, delivery, attempts, at_ms, why):
                execute(
                    f"UPDATE deliveries SET state = 'dead', attempts = ?, given_up_ms = ?, why = ? {of_one}",  # noqa: S608
                    (attempts, at_ms, why, webhook, delivery),
                )
            case Reopen(webhook, delivery):
                execute(_REOPEN, (webhook, delivery))
            case Again(webhook, deliveries):
                wanted = (
                    "UPDATE deliveries SET state = 'again' WHERE webhook = ? AND state = 'dead'"
                )
                if deliveries is None:
                    execute(wanted, (webhook,))
                else:
                    named = [(webhook, delivery) for delivery in deliveries]
                    self._connection.executemany(f"{wanted} AND delivery = ?", named)

    def _forget_dead(self, webhook: str) -> None:
        row = self._connection.execute(_OLDEST_DEAD, (webhook,)).fetchone()
        if row is not None:
            changes = _decode(row[1])
            self._connection.execute("DELETE FROM deliveries WHERE place = ?", (row[0],))
            lost = Lose(webhook, Why.DEAD_TOO_LONG, changes[0].number, changes[-1].number)
            self._keep_webhook(lost)

    def _drop_dead(self, effect: DropDead) -> Dropped:
        execute, webhook = self._connection.execute, effect.webhook
        dead = dict(
            execute(
                "SELECT delivery, changes FROM deliveries WHERE webhook = ? AND state = ?",
                (webhook, _DEAD),
            ).fetchall()
        )
        gone = set(dead) if effect.deliveries is None else set(dead) & set(effect.deliveries)
        for delivery in sorted(gone):
            changes = _decode(dead[delivery])
            execute(
                "DELETE FROM deliveries WHERE webhook = ? AND delivery = ?", (webhook, delivery)
            )
            self._keep_webhook(Lose(webhook, Why.DROPPED, changes[0].number, changes[-1].number))
        return Dropped(webhook, len(gone))

    def forget(self, tenant: str, learners: Collection[str]) -> None:
        """Keep nothing of learners: changes that are not delivered are about nobody, and keep their numbers.

        Raises `StoreError`.
        """
        execute, gone = self._connection.execute, set(learners)
        with self._told("written"):
            execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "UPDATE changes SET learner = ? WHERE tenant = ? AND learner = ?",
                    [(NOBODY, tenant, learner) for learner in sorted(gone)],
                )
                found = execute(
                    "SELECT place, changes FROM deliveries WHERE webhook IN "
                    "(SELECT webhook FROM webhooks WHERE tenant = ?)",
                    (tenant,),
                ).fetchall()
                for place, written in found:
                    changes = _decode(written)
                    if any(one.learner in gone for one in changes):
                        left = tuple(_about_nobody(one, gone) for one in changes)
                        execute(
                            "UPDATE deliveries SET changes = ? WHERE place = ?",
                            (_encode(left), place),
                        )
                execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.rollback()
                raise
            execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # --- looked up ---------------------------------------------------------------------------------------------------

    def find(self, sought: Sought) -> Found:
        """Look something up for a step."""
        with self._told("read"):
            match sought:
                case Load():
                    return self._load(sought)
                case LoadAgain():
                    return self._load_again(sought)
                case Measure():
                    return self._measure(sought)

    def _load(self, sought: Load) -> Loaded:
        cohorts, up_to = sorted(sought.cohorts), sought.up_to
        among = f"AND cohort IN ({', '.join('?' * len(cohorts))})" if cohorts else ""
        if cohorts:
            # So that a rare cohort does not have all of a long log read at once.
            count, last = self._connection.execute(
                _SCANNED, (sought.tenant, sought.after, up_to, limits.WEBHOOK_SCANNED_MAX)
            ).fetchone()
            up_to = last if count == limits.WEBHOOK_SCANNED_MAX else up_to
        rows = self._connection.execute(
            f"SELECT {_COLUMNS} FROM changes WHERE tenant = ? AND number > ? AND number <= ? {among} "  # noqa: S608
            "ORDER BY number LIMIT ?",
            (sought.tenant, sought.after, up_to, *cohorts, sought.count),
        ).fetchall()
        changes = tuple(map(_change_of, rows))
        is_cut = len(changes) == sought.count
        return Loaded(
            sought.webhook, sought.after, changes[-1].number if is_cut else up_to, changes
        )

    def _measure(self, sought: Measure) -> Measured:
        row = self._connection.execute(
            "SELECT number FROM changes WHERE tenant = ? ORDER BY number DESC LIMIT 1 OFFSET ?",
            (sought.tenant, sought.count),
        ).fetchone()
        return Measured(sought.tenant, 0 if row is None else row[0])

    def _load_again(self, sought: LoadAgain) -> LoadedAgain:
        row = self._connection.execute(
            "SELECT delivery, changes FROM deliveries WHERE webhook = ? AND state = ? ORDER BY place LIMIT 1",
            (sought.webhook, _AGAIN),
        ).fetchone()
        if row is None:
            return LoadedAgain(sought.webhook, None)
        return LoadedAgain(sought.webhook, Delivery(row[0], sought.webhook, _decode(row[1])))

    def state(self) -> KeptState:
        """Return all that deliveries begin with after a start."""
        with self._told("read"):
            execute = self._connection.execute
            tenants = execute("SELECT tenant, taken, trimmed FROM tenants").fetchall()
            webhooks = execute(
                "SELECT webhook, cursor, suspended_turn, suspended_why FROM webhooks"
            ).fetchall()
            return KeptState(
                taken={tenant: taken for tenant, taken, _ in tenants},
                trimmed={tenant: trimmed for tenant, _, trimmed in tenants},
                lines={webhook: self._line(webhook, *rest) for webhook, *rest in webhooks},
            )

    def _line(self, webhook: str, cursor: int, turn: int | None, why: str | None) -> KeptLine:
        execute = self._connection.execute
        rows = execute(
            "SELECT delivery, changes, attempts, first_ms, due_ms FROM deliveries "
            "WHERE webhook = ? AND state = ? ORDER BY place",
            (webhook, _OPEN),
        ).fetchall()
        counts = dict(
            execute(
                "SELECT state, count(*) FROM deliveries WHERE webhook = ? GROUP BY state",
                (webhook,),
            ).fetchall()
        )
        again = counts.get(_AGAIN, 0)
        return KeptLine(
            cursor=cursor,
            tries=tuple(
                KeptTry(Delivery(delivery, webhook, _decode(changes)), attempts, first_ms, due_ms)
                for delivery, changes, attempts, first_ms, due_ms in rows
            ),
            dead=counts.get(_DEAD, 0) + again,
            again=again,
            suspended=None if turn is None or why is None else (turn, why),
        )

    # --- to be looked at ---------------------------------------------------------------------------------------------

    def dead_letters(self, webhook: str, after: int, count: int) -> list[DeadLetter]:
        """Return at most ``count`` dead letters of a webhook, those after a place, the oldest first."""
        with self._told("read"):
            rows = self._connection.execute(
                "SELECT place, delivery, changes, attempts, given_up_ms, why, state FROM deliveries "
                "WHERE webhook = ? AND state IN ('dead', 'again') AND place > ? ORDER BY place LIMIT ?",
                (webhook, after, count),
            ).fetchall()
            return [
                DeadLetter(
                    place=place,
                    delivery=Delivery(delivery, webhook, _decode(changes)),
                    attempts=attempts,
                    given_up_ms=given_up_ms,
                    why=why,
                    is_wanted=state == _AGAIN,
                )
                for place, delivery, changes, attempts, given_up_ms, why, state in rows
            ]

    def lost(self, webhook: str) -> list[Lost]:
        """Return which changes of a webhook are neither delivered nor kept."""
        with self._told("read"):
            rows = self._connection.execute(
                "SELECT why, first, last FROM lost WHERE webhook = ? ORDER BY why", (webhook,)
            ).fetchall()
            return [Lost(Why(why), first, last) for why, first, last in rows]


def _about_nobody(change: MemberChange, gone: Collection[str]) -> MemberChange:
    if change.learner not in gone:
        return change
    return msgspec.structs.replace(change, learner=NOBODY)


def _row_of(change: MemberChange) -> tuple[Any, ...]:
    return (
        change.number,
        change.cohort,
        change.version,
        change.learner,
        change.direction.value,
        change.at_ms,
        change.cause,
    )


def _change_of(row: tuple[Any, ...]) -> MemberChange:
    number, cohort, version, learner, direction, at_ms, cause = row
    return MemberChange(
        number=number,
        cohort=cohort,
        version=version,
        learner=learner,
        direction=Direction(direction),
        at_ms=at_ms,
        cause=cause,
    )
