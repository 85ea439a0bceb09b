"""Statements in the tables of the vault: whatever order they come in, the tables become the same.

Two regions may be sent one statement, or two under one id; a statement may come before the one that it voids or refers
to, or after its actor was erased. What the tables say is a function of the set of all that came:

- Of several under one id the one counts that was stored first; what tells two of one instant apart is their content.
- A statement is voided if one that counts voids it. It is erased if its actor is, or if it comes without its content,
  as a log has it after an erasure.
- It is found by the terms of the statements that it refers to, over others in between, up to a number of steps.
- Two statements may have one place in the order of storing. Then one stands a place further: the one with the greater
  id, so that it matters to nobody which came first (ordered hashing: Amble and Knuth, "Ordered hash tables", 1974).

The way not taken is to apply operations of all nodes in one order: it would have to wait for the slowest of them.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from homeroom import limits
from homeroom.adapters.vault.operations import HASH_BYTES, StatementKept

__all__ = ["COUNTS", "ERASED", "VOIDED", "KeptStatements", "hashes_in"]

COUNTS, VOIDED, ERASED = 0, 1, 2
"""Standing of a statement: it counts, it was taken back, or its actor's key was destroyed."""

_KEEP: Final = (
    "INSERT INTO statements (place, tenant, id, subject, body, people, terms, target, voids, standing, shift, digest) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_KEEP_TERM: Final = "INSERT OR IGNORE INTO terms (term, place, matched) VALUES (?, ?, ?)"
_DROP_TERM: Final = "DELETE FROM terms WHERE term = ? AND place = ? AND matched = ?"
_NOTE: Final = "INSERT OR IGNORE INTO conflicts (tenant, id, subject, digest) VALUES (?, ?, ?, ?)"
_LOOK: Final = (
    "SELECT EXISTS (SELECT 1 FROM destroyed WHERE tenant = ?1 AND subject = ?2), "
    "EXISTS (SELECT 1 FROM statements WHERE tenant = ?1 AND id = ?3), "
    "(SELECT max(voids) FROM statements WHERE tenant = ?1 AND target = ?3), "
    "EXISTS (SELECT 1 FROM statements WHERE place = ?4)"
)
_STAND: Final = (
    "UPDATE statements SET standing = CASE WHEN voids = 0 AND EXISTS (SELECT 1 FROM statements v "
    f"WHERE v.tenant = ?1 AND v.target = ?2 AND v.voids = 1) THEN {VOIDED} ELSE {COUNTS} END "
    f"WHERE tenant = ?1 AND id = ?2 AND standing <> {ERASED}"
)


class _Kept(NamedTuple):
    """What a row says of the statement that counts under an id."""

    place: int
    shift: int
    subject: bytes
    target: bytes
    voids: int
    digest: bytes
    body: bytes

    @property
    def rank(self) -> tuple[object, ...]:
        return _rank(self.place - self.shift, self)


class _Step(NamedTuple):
    """A statement on the way from one that refers to another: its place, what it is found by itself, its target."""

    place: int
    terms: bytes
    target: bytes | None


class _Behind(NamedTuple):
    """A statement that finds another by referring to it, over the places of ``path``, its own included."""

    id: bytes
    path: tuple[int, ...]


def hashes_in(joined: bytes) -> list[bytes]:
    """Return the hashes that are written one behind the other."""
    return [joined[at : at + HASH_BYTES] for at in range(0, len(joined), HASH_BYTES)]


def _rank(home: int, one: "StatementKept | _Kept") -> tuple[object, ...]:
    """Return what is least of the statement that counts; one without content before the same with it."""
    return (home, one.subject, one.target, int(one.voids), one.digest, one.body)


class KeptStatements:
    """The tables of statements. Used within a transaction of the vault's one writer.

    Parameters
    ----------
    connection : of the writer

    Attributes
    ----------
    noted : how many times two statements met under one id that differ, since the start; what is rolled back counts too
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.noted = 0
        self._run = connection.execute
        self._run_many = connection.executemany

    def keep(self, tenant: int, statements: Sequence[StatementKept]) -> None:
        """Keep statements, each unless one counts already under its id that was stored before."""
        for one in statements:
            is_destroyed, is_known, voids, is_taken = self._run(
                _LOOK, (tenant, one.subject, one.id, one.place)
            ).fetchone()
            is_erased = bool(is_destroyed) or not one.body
            standing = COUNTS
            if is_erased:
                standing = ERASED
            elif voids and not one.voids:
                standing = VOIDED
            if is_known and not self._gives_way(tenant, one, is_erased=is_erased):
                continue
            place = self._settled(tenant, one) if is_known or is_taken else one.place
            self._insert((tenant, place, standing), one)
            if is_known:  # what was there before may have voided it
                self._run(_STAND, (tenant, one.id))
            if one.target or voids is not None:
                self._link(tenant, one.id)
            if one.target and one.voids:
                self._run(_STAND, (tenant, one.target))

    def erase(self, tenant: int, subject: bytes, term: bytes) -> None:
        """Forget all of a person's statements but their ids, and what they void or refer to.

        ``term`` finds those in which they are the actor.
        """
        rows = self._run(
            "SELECT DISTINCT s.place, s.terms FROM terms t JOIN statements s ON s.place = t.place "
            "WHERE t.term = ? AND s.tenant = ? AND s.subject = ?",
            (term, tenant, subject),
        ).fetchall()
        for place, terms in rows:
            self._forget_terms(place, terms)
            self._run("DELETE FROM attachments WHERE place = ?", (place,))
        self._run_many(
            f"UPDATE statements SET standing = {ERASED}, body = x'', people = x'', terms = x'', digest = x'' "
            "WHERE place = ?",
            [(place,) for place, _ in rows],
        )
        self._run("DELETE FROM conflicts WHERE tenant = ? AND subject = ?", (tenant, subject))

    # --- one id ------------------------------------------------------------------------------------------------------

    def _insert(self, where: tuple[int, int, int], one: StatementKept) -> None:
        tenant, place, standing = where
        is_erased = standing == ERASED
        body, people, terms, digest = (
            (b"", b"", b"", b"") if is_erased else (one.body, one.people, one.terms, one.digest)
        )
        target = one.target or None
        said = (one.id, one.subject, body, people, terms, target, int(one.voids))
        self._run(_KEEP, (place, tenant, *said, standing, place - one.place, digest))
        if is_erased:
            return
        self._run_many(_KEEP_TERM, [(term, place, place) for term in hashes_in(terms)])
        if one.attachments:
            self._run_many(
                "INSERT OR IGNORE INTO attachments (place, digest, sealed) VALUES (?, ?, ?)",
                [(place, digest, sealed) for digest, sealed in one.attachments],
            )

    def _gives_way(self, tenant: int, one: StatementKept, *, is_erased: bool) -> bool:
        """Take away what counts under an id, if another statement is to; note it where the two differ."""
        row = self._run(
            "SELECT place, shift, subject, coalesce(target, x''), voids, digest, body FROM statements "
            "WHERE tenant = ? AND id = ?",
            (tenant, one.id),
        ).fetchone()
        kept = _Kept(*row)
        digest = b"" if is_erased else one.digest
        if digest != kept.digest:
            self.noted += 1
            both = ((kept.subject, kept.digest), (one.subject, digest))
            self._run_many(_NOTE, [(tenant, one.id, *of) for of in both if of[1]])
        bare = _rank(one.place, one)[:4]
        rank = (*bare, b"", b"") if is_erased else _rank(one.place, one)
        if rank >= kept.rank:
            return False
        self._unlink(tenant, one.id)
        self._take_away(kept.place)
        if kept.target and kept.voids:
            self._run(_STAND, (tenant, kept.target))
        return True

    def _take_away(self, place: int) -> None:
        (terms,) = self._run("SELECT terms FROM statements WHERE place = ?", (place,)).fetchone()
        self._forget_terms(place, terms)
        self._run("DELETE FROM attachments WHERE place = ?", (place,))
        self._run("DELETE FROM statements WHERE place = ?", (place,))
        self._close_up(place)

    def _forget_terms(self, place: int, terms: bytes) -> None:
        """Let nothing be found by a statement's own terms."""
        found = [place, *self._followers(place)]
        self._run_many(
            _DROP_TERM, [(term, one, place) for term in hashes_in(terms) for one in found]
        )

    def _followers(self, place: int) -> list[int]:
        rows = self._run("SELECT place FROM follows WHERE matched = ?", (place,)).fetchall()
        return [one for (one,) in rows]

    # --- who refers to whom ------------------------------------------------------------------------------------------

    def _link(self, tenant: int, identifier: bytes) -> None:
        """Let a statement, and those that refer to it, be found by what it refers to and by itself."""
        for place, step in self._found_through(tenant, identifier):
            self._run(
                "INSERT OR IGNORE INTO follows (place, matched) VALUES (?, ?)", (place, step.place)
            )
            self._run_many(
                _KEEP_TERM, [(term, place, step.place) for term in hashes_in(step.terms)]
            )

    def _unlink(self, tenant: int, identifier: bytes) -> None:
        """Undo what `_link` has done."""
        for place, step in list(self._found_through(tenant, identifier)):
            self._run("DELETE FROM follows WHERE place = ? AND matched = ?", (place, step.place))
            self._run_many(
                _DROP_TERM, [(term, place, step.place) for term in hashes_in(step.terms)]
            )

    def _found_through(self, tenant: int, identifier: bytes) -> Iterator[tuple[int, _Step]]:
        """Yield who is found by whom because a statement is there: a place, and the statement that finds it."""
        own = self._step(tenant, identifier)
        if own is None:
            return
        ahead = self._ahead(tenant, own)
        for step in ahead:
            yield own.place, step
        for one in self._behind(tenant, identifier, own.place):
            room = limits.STATEMENTS_FOLLOWED_MAX - len(one.path)
            for step in (own, *ahead[:room]):
                if step.place not in one.path:
                    yield one.path[0], step

    def _step(self, tenant: int, identifier: bytes) -> _Step | None:
        row = self._run(
            "SELECT place, terms, target FROM statements WHERE tenant = ? AND id = ?",
            (tenant, identifier),
        ).fetchone()
        return None if row is None else _Step(*row)

    def _ahead(self, tenant: int, own: _Step) -> list[_Step]:
        """Return what a statement refers to, the nearest first: each refers to one at most."""
        found: list[_Step] = []
        met, at = {own.place}, own
        while at.target is not None and len(found) < limits.STATEMENTS_FOLLOWED_MAX:
            step = self._step(tenant, at.target)
            if step is None or step.place in met:
                break
            met.add(step.place)
            found.append(step)
            at = step
        return found

    def _behind(self, tenant: int, identifier: bytes, place: int) -> Iterator[_Behind]:
        """Yield those that refer to a statement, over others too; its own place is not on their paths."""
        edge = [_Behind(identifier, ())]
        while edge:
            next_edge: list[_Behind] = []
            for one in edge:
                rows = self._run(
                    "SELECT place, id FROM statements WHERE tenant = ? AND target = ?",
                    (tenant, one.id),
                ).fetchall()
                next_edge += [_Behind(i, (at, *one.path)) for at, i in rows if at != place]
            edge = [one for one in next_edge if len(one.path) <= limits.STATEMENTS_FOLLOWED_MAX]
            yield from edge

    # --- places ------------------------------------------------------------------------------------------------------

    def _settled(self, tenant: int, one: StatementKept) -> int:
        """Return the place at which a statement is to stand, freed of who has to make room."""
        (name,) = self._run("SELECT name FROM tenants WHERE number = ?", (tenant,)).fetchone()
        return self._room((one.id, str(name)), one.place)

    def _room(self, who: tuple[bytes, str], home: int) -> int:
        """Free a place for one who begins to look at ``home``; who makes room goes on looking from there."""
        moves: list[tuple[int, int]] = []
        carried, left, at, own = who, None, home, home
        while True:
            row = self._run(
                "SELECT s.id, t.name FROM statements s JOIN tenants t ON t.number = s.tenant WHERE s.place = ?",
                (at,),
            ).fetchone()
            if row is None or carried < tuple(row):
                if left is None:
                    own = at
                else:
                    moves.append((left, at))
                if row is None:
                    break
                carried, left = tuple(row), at
            at += 1
        for before, after in reversed(moves):
            self._move(before, after)
        return own

    def _close_up(self, place: int) -> None:
        """Have those stand where they would, had nobody been at a place that is free now."""
        shifted: list[tuple[int, int]] = []
        expected = place + 1
        for at, shift in self._run(
            "SELECT place, shift FROM statements WHERE place > ? ORDER BY place", (place,)
        ):
            if at != expected:
                break
            expected += 1
            if shift:
                shifted.append((at, shift))
        for at, _ in shifted:
            self._move(at, -at)
        for at, shift in shifted:
            row = self._run(
                "SELECT s.id, t.name FROM statements s JOIN tenants t ON t.number = s.tenant WHERE s.place = ?",
                (-at,),
            ).fetchone()
            self._move(-at, self._room(tuple(row), at - shift))

    def _move(self, before: int, after: int) -> None:
        """Move a statement to a place that is free, with all that names its place."""
        (terms,) = self._run("SELECT terms FROM statements WHERE place = ?", (before,)).fetchone()
        followed = self._run(
            "SELECT s.place, s.terms FROM follows f JOIN statements s ON s.place = f.matched WHERE f.place = ?",
            (before,),
        ).fetchall()
        followers = self._followers(before)
        places = {"before": before, "after": after}
        self._run(
            "UPDATE statements SET place = :after, shift = shift + :after - :before WHERE place = :before",
            places,
        )
        for table, column in (
            ("attachments", "place"),
            ("follows", "place"),
            ("follows", "matched"),
        ):
            self._run(f"UPDATE {table} SET {column} = :after WHERE {column} = :before", places)
        own = hashes_in(terms)
        self._run_many(
            "UPDATE terms SET place = ?, matched = ? WHERE term = ? AND place = ? AND matched = ?",
            [(after, after, term, before, before) for term in own],
        )
        self._run_many(
            "UPDATE terms SET place = ? WHERE term = ? AND place = ? AND matched = ?",
            [(after, term, before, at) for at, theirs in followed for term in hashes_in(theirs)],
        )
        self._run_many(
            "UPDATE terms SET matched = ? WHERE term = ? AND place = ? AND matched = ?",
            [(after, term, at, before) for term in own for at in followers],
        )
