"""Searches against a plain twin: random statements that name, refer to and void each other, in random order."""

import itertools
from copy import deepcopy

import pytest

from homeroom.adapters.vault.applying import Vault
from homeroom.adapters.vault.cutting import cut_people, put_back
from homeroom.adapters.vault.operations import Stamped
from homeroom.adapters.vault.preparing import Prepared, Preparer
from homeroom.adapters.vault.reading import VaultReader
from homeroom.adapters.vault.reads import Reads
from homeroom.adapters.vault.terms import PLACE_BITS
from homeroom.records.forms import instant_us, time_text
from homeroom.records.queries import Breadth, Order, Search
from homeroom.records.statements import VOIDED, check_statement
from homeroom.records.store import Sent
from homeroom.records.versions import Version
from tests.serve.xapi.store import KEYS, START_MS, WRITE, agent, caller, new_id

PEOPLE = [agent(name) for name in ("ada", "bob", "cat")]
VERBS = [f"http://verbs.example/{name}" for name in "abc"]
THINGS = [f"http://things.example/{name}" for name in "abc"]
REGISTRATIONS = [new_id() for _ in range(2)]


class Writer:
    """Makes random statements."""

    def __init__(self, rng):
        self.rng = rng

    def one_of(self, values):
        return values[self.rng.integers(len(values))]

    def maybe(self, share):
        return self.rng.random() < share

    def group(self, *identifier):
        members = [self.one_of(PEOPLE) for _ in range(self.rng.integers(1, 3))]
        return {"objectType": "Group", **dict(identifier), "member": members}

    def person(self):
        kinds = (
            lambda: self.one_of(PEOPLE),
            lambda: self.one_of(PEOPLE),
            self.group,
            lambda: self.group(("mbox", "mailto:team@people.example")),
        )
        return self.one_of(kinds)()

    def context(self):
        found = {}
        if self.maybe(0.3):
            found["registration"] = self.one_of(REGISTRATIONS)
        if self.maybe(0.2):
            found["instructor"] = self.person()
        if self.maybe(0.2):
            found["team"] = self.group()
        if self.maybe(0.2):
            one = {"objectType": "contextAgent", "agent": self.one_of(PEOPLE)}
            found["contextAgents"] = [one]
        if self.maybe(0.3):
            name = self.one_of(["parent", "grouping", "category", "other"])
            found["contextActivities"] = {name: [{"id": self.one_of(THINGS)}]}
        return found

    def part(self, target):
        return {
            "actor": self.person(),
            "verb": {"id": self.one_of(VERBS)},
            "object": target,
            "context": self.context(),
        }

    def target(self, ids):
        if self.maybe(0.3):
            return {"objectType": "StatementRef", "id": self.one_of(ids)}
        if self.maybe(0.2):
            return {"objectType": "Agent", **self.one_of(PEOPLE)}
        if self.maybe(0.2):
            return {"objectType": "SubStatement", **self.part({"id": self.one_of(THINGS)})}
        return {"id": self.one_of(THINGS)}

    def statement(self, own, ids):
        found = {"id": own, **self.part(self.target(ids))}
        if found["object"].get("objectType") == "StatementRef" and self.maybe(0.3):
            found["verb"] = {"id": VOIDED}
        return found

    def search(self):
        return Search(
            agent=self.one_of([*PEOPLE, self.group(("mbox", "mailto:team@people.example"))])
            if self.maybe(0.5)
            else None,
            agent_breadth=self.one_of(list(Breadth)),
            verb=self.one_of(VERBS) if self.maybe(0.4) else None,
            activity=self.one_of(THINGS) if self.maybe(0.4) else None,
            activity_breadth=self.one_of(list(Breadth)),
            registration=self.one_of(REGISTRATIONS) if self.maybe(0.2) else None,
            since_us=(START_MS + int(self.rng.integers(60))) * 1000 if self.maybe(0.2) else None,
            until_us=(START_MS + int(self.rng.integers(60))) * 1000 if self.maybe(0.2) else None,
            order=self.one_of(list(Order)),
            limit=int(self.rng.integers(1, 12)),
        )


def boxes(value):
    """Return every mail address in a statement, wherever it stands."""
    if isinstance(value, list):
        return set().union(*map(boxes, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    own = {value["mbox"]} if "mbox" in value else set()
    return own.union(*map(boxes, value.values()))


def things(value):
    """Return every activity in a statement, wherever it stands."""
    if isinstance(value, list):
        return set().union(*map(things, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    own = {value["id"]} & set(THINGS) if "id" in value else set()
    return own.union(*map(things, value.values()))


def holds(one, search):
    """Say whether the filters hold for a statement itself."""
    target = one["object"]
    if search.agent is not None:
        wide = search.agent_breadth is Breadth.ALL
        main = boxes(one["actor"]) | (
            boxes(target) if target.get("objectType") == "Agent" else set()
        )
        if search.agent["mbox"] not in (boxes(one) if wide else main):
            return False
    if search.activity is not None:
        wide = search.activity_breadth is Breadth.ALL
        if search.activity not in (things(one) if wide else {target.get("id")}):
            return False
    if search.registration not in (None, one["context"].get("registration")):
        return False
    return search.verb in (None, one["verb"]["id"])


def found_plainly(kept, search):
    """Return the ids that a search finds, by going through all statements."""
    by_id = {one["id"]: one for one in kept}
    voided = {
        one["object"]["id"]
        for one in kept
        if one["verb"]["id"] == VOIDED
        and by_id.get(one["object"]["id"], one)["verb"]["id"] != VOIDED
    }

    def chain(one):
        seen = []
        while one is not None and one["id"] not in seen:
            seen.append(one["id"])
            yield one
            target = one["object"]
            one = by_id.get(target["id"]) if target.get("objectType") == "StatementRef" else None

    found = []
    for one in kept:
        stored_us = instant_us(one["stored"])
        if search.since_us is not None and stored_us <= search.since_us:
            continue
        if search.until_us is not None and stored_us > search.until_us:
            continue
        if one["id"] not in voided and any(holds(step, search) for step in chain(one)):
            found.append(one["id"])
    return found if search.order is Order.OLDEST_FIRST else found[::-1]


@pytest.mark.parametrize("_", range(4))
def test_a_search_finds_what_a_plain_look_through_all_finds(tmp_path, rng, _):
    writer = Writer(rng)
    vault = Vault(tmp_path / "documents.db")
    preparer = Preparer(VaultReader(vault.path), lambda _: KEYS)
    reads = Reads(vault.path, lambda _: KEYS)
    ids = [new_id() for _ in range(60)]
    sent = [writer.statement(own, ids) for own in ids]
    for minute, one in enumerate(sent):
        check_statement(one, Version.TWO)
        prepared = preparer.accept(Sent([one], {}, Version.TWO), caller(WRITE), START_MS + minute)
        assert isinstance(prepared, Prepared)
        vault.apply([Stamped(minute + 1, b"", [prepared.change])], str(minute))
        preparer.applied(prepared)
    kept = [
        {**one, "stored": stored} for one, stored in zip(sent, stored_times(reads), strict=True)
    ]
    for _ in range(60):
        search = writer.search()
        assert pages(reads, search) == found_plainly(kept, search), search
    reads.close()
    vault.close()


def stored_times(reads):
    """Return the times of storing of all statements, voided ones too, in order."""
    rows = reads._reader.rows("SELECT place FROM statements ORDER BY place", ())

    return [time_text(place >> PLACE_BITS) for (place,) in rows]


def pages(reads, search):
    """Return the ids of all pages of a search."""
    page = reads.search(search, "main", ())
    found = [[one.statement["id"] for one in page.statements]]
    while page.more is not None:
        page = reads.more(page.more, "main", ())
        found.append([one.statement["id"] for one in page.statements])
    assert all(len(one) == search.limit for one in found[:-1])
    return [*itertools.chain(*found)]


def test_persons_that_are_cut_out_are_put_back_where_they_were(rng):
    writer = Writer(rng)
    for _ in range(200):
        one = writer.statement(new_id(), [new_id()])
        people = []

        def number_of(person, people=people):
            people.append(dict(person))
            return len(people) - 1

        copy = deepcopy(one)
        cut_people(copy, number_of)
        assert not boxes(copy)
        assert put_back(copy, people.__getitem__) == one
