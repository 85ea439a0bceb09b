"""Which entries changed a cell, against every subset of what came, asked one learner at a time."""

import random
from itertools import product

import numpy as np
import pytest

from homeroom import limits
from homeroom.cohorts.cells import Cell, pinned
from homeroom.cohorts.questions import parse_question
from homeroom.errors import QuestionError
from homeroom.events.dictionary import Dictionaries
from homeroom.log.control import Control
from homeroom.log.entries import Head, make_entry
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.payloads import Part, pack, write_parts
from homeroom.node.changes import count_in, explain_cell
from homeroom.node.coming import came_of
from homeroom.node.folding import Folding, TenantState
from homeroom.state.past import NO_IDS
from homeroom.state.state import State
from homeroom.state.zones import DAY_MS, load_zone
from tests.log.chains import sign
from tests.state.plain import Fact, batch_of, hash_of_id, key_of

ZONE = load_zone("UTC")
MONDAY_MS = 1_709_510_400_000
"""2024-03-04T00:00:00Z."""
ORIGINS = [Origin(name, digit * 32, Stream.ANALYTIC) for name, digit in (("a", "1"), ("b", "2"))]


class World:
    """Entries of two origins with facts and voids by text, and the state that they come to."""

    def __init__(self):
        self.said, self.heads = [], dict.fromkeys(ORIGINS, Head())
        self.folding = Folding({}, lambda *_: pytest.fail("there is one tenant"))
        self.folding.tenants = {"main": TenantState(State(ZONE, Dictionaries.under(bytes(32))))}

    def write(self, origin, facts, voids=()):
        dictionaries = Dictionaries.under(bytes(32))
        events = batch_of(facts, dictionaries) if facts else None
        ids = NO_IDS if not voids else hash_ids(voids)
        content = write_parts([Part("main", events, ids)], {"main": dictionaries})
        stamp = (MONDAY_MS + 30 * DAY_MS + len(self.said)) << 16
        entry = make_entry(origin, self.heads[origin], (stamp, 0), pack(content), sign)
        self.heads[origin] = entry.head
        self.said.append((entry, tuple(facts), tuple(voids)))
        return entry

    def fold(self, order=None):
        for entry, *_ in order or self.said:
            self.folding.fold([entry])
        assert not self.folding.troubles
        state = self.folding.tenants["main"].state
        state.settle()
        return state

    def between(self, before, after):
        return [s for s in self.said if before[s[0].origin] < s[0].number <= after[s[0].origin]]

    def up_to(self, vector):
        return [s for s in self.said if s[0].number <= vector[s[0].origin]]


def hash_ids(texts):
    return np.unique(np.array([hash_of_id(one) for one in texts], np.uint64))


def explained(world, state, question, cell, before, after):
    entries = [one for one, *_ in world.between(before, after)]
    came = came_of(state, "main", Control(), entries)
    return explain_cell(state, lambda one: one, (question, cell), before, came)


# --- the oracle ------------------------------------------------------------------------------------------------------


def is_in(learner, said, question, cell):
    """Say whether a learner is in a cell of what some entries say, by an answer about nobody else."""
    void = {one for _, _, voids in said for one in voids}
    facts = {f for _, facts, _ in said for f in facts if f.learner == learner and f.id not in void}
    if not facts:
        return False
    state = State(ZONE, Dictionaries.under(bytes(32)))
    state.fold(batch_of(sorted(facts, key=repr), state.dictionaries))
    state.settle()
    if any(one.field == "country" for one in question.filters) and not any(
        fact.attributes for fact in facts
    ):
        return False  # the question makes no sense of data without the attribute
    return bool(count_in(state, question, cell))


def oracle(world, question, cell, before, after):
    """Return by entry how many learners it mattered to, who entered and who left, by every subset of what came."""
    base, came = world.up_to(before), world.between(before, after)
    learners = {f.learner for _, facts, _ in world.said for f in facts}
    mattered, entered, left = {}, 0, 0
    for learner in learners:
        holds = {
            chosen: is_in(
                learner,
                base + [one for one, yes in zip(came, chosen, strict=True) if yes],
                question,
                cell,
            )
            for chosen in product((False, True), repeat=len(came))
        }
        first, last = (False,) * len(came), (True,) * len(came)
        entered += holds[last] and not holds[first]
        left += holds[first] and not holds[last]
        for place, (entry, *_) in enumerate(came):
            withs = [(c, (*c[:place], True, *c[place + 1 :])) for c in holds]
            if any(holds[one] != holds[other] for one, other in withs):
                mattered[entry.token] = mattered.get(entry.token, 0) + 1
    return mattered, entered, left


QUESTIONS = [
    {"question": "retention"},
    {"question": "retention", "mode": "recurring", "match": "on-or-after"},
    {"question": "retention", "brackets": ["1-2"], "filters": ["verb=played"]},
    {"question": "retention", "entry": ["verb=played"], "returning": ["track=video"]},
    {"question": "lifecycle"},
    {"question": "lifecycle", "filters": ["country=NO"]},
    {"question": "active", "filters": ["course=x"]},
]


def drawn(rng):
    """Return a small world, two vectors, a question and a cell of it."""
    world = World()
    ids = [f"id {n}" for n in range(5)]

    def fact():
        week = rng.choice([0, 1, 1, 2])
        return Fact(
            learner=rng.randrange(2),
            time_ms=MONDAY_MS + week * 7 * DAY_MS + rng.randrange(2) * DAY_MS,
            verb=rng.choice(["played", "read"]),
            track=rng.randrange(2),
            course=rng.choice(["x", None]),
            id=rng.choice([*ids, None]),
            attributes=rng.choice([(), (("country", "NO"),), (("country", "SE"),)]),
        )

    pool = [fact() for _ in range(7)]
    # The ends of the range are the same however little of it is looked at.
    world.write(ORIGINS[0], [Fact(learner=9, time_ms=MONDAY_MS + d * DAY_MS) for d in (0, 20)])
    world.write(ORIGINS[0], [Fact(learner=9, time_ms=MONDAY_MS, attributes=(("country", "NO"),))])
    for _ in range(rng.randrange(3, 7)):
        some = rng.sample(pool, rng.randrange(1, 4))
        voids = rng.sample(ids, rng.choice([0, 0, 0, 1]))
        world.write(rng.choice(ORIGINS), some, voids)
    most = {origin: head.number for origin, head in world.heads.items()}
    after = {o: rng.randint(max(n - 1, 0), n) for o, n in most.items()}
    before = {o: rng.randint(max(n - 2, 0), max(n - 1, 0)) for o, n in after.items()}
    before[ORIGINS[0]], after[ORIGINS[0]] = max(before[ORIGINS[0]], 2), max(after[ORIGINS[0]], 2)
    question = parse_question(rng.choice(QUESTIONS))
    week = f"2024-03-{4 + 7 * rng.randrange(2):02d}"
    column = {
        "retention": "1" if not getattr(question, "brackets", ()) else "1-2",
        "lifecycle": rng.choice(["new", "returning", "resurrecting", "dormant"]),
        "active": "week",
    }[question.name]
    return world, question, Cell(week, column), Vector(before), Vector(after)


def check(seed):
    rng = random.Random(seed)
    world, question, cell, before, after = drawn(rng)
    order = list(world.said)
    rng.shuffle(order)
    order.sort(key=lambda one: one[0].number)  # of each origin in order, the origins anyhow
    state = world.fold(order)
    asked = pinned(state, question)
    found = explained(world, state, question, cell, before, after)
    mattered, entered, left = oracle(world, asked, cell, before, after)
    assert {one.entry.token: one.learners for one in found.entries} == mattered, seed
    assert (found.entered, found.left) == (entered, left), seed
    assert all(one.is_certain for one in found.entries)


def test_named_are_the_entries_that_matter_in_some_order_and_no_others():
    for seed in range(5):
        check(seed)


@pytest.mark.slow
def test_of_many_worlds_the_named_entries_are_those_that_matter():
    for seed in range(5, 300):
        check(seed)


# --- what it says beside ---------------------------------------------------------------------------------------------

WEEKLY = parse_question({"question": "retention"})
FIRST = Cell("2024-03-04", "1")


def at(learner, day, **fields):
    return Fact(learner=learner, time_ms=MONDAY_MS + day * DAY_MS, **fields)


def test_two_regions_that_bring_the_same_week_are_both_named_and_neither_alone():
    world = World()
    world.write(ORIGINS[0], [at(1, 0), at(2, 0), at(3, 14)])
    first = world.write(ORIGINS[0], [at(1, 7)])
    second = world.write(ORIGINS[1], [at(1, 8), at(2, 0)])
    found = explained(
        world,
        world.fold(),
        WEEKLY,
        FIRST,
        Vector({ORIGINS[0]: 1}),
        Vector(dict.fromkeys(ORIGINS, 9)),
    )
    assert [one.entry.token for one in found.entries] == [first.token, second.token]
    assert [(one.learners, one.entered, one.left, one.events) for one in found.entries] == [
        (1, 1, 0, 1),
        (1, 1, 0, 1),
    ]
    assert (found.entered, found.left, found.looked_at) == (1, 0, 2)
    late_ms = [one.late_ms[0] for one in found.entries]
    assert [round(one / DAY_MS) for one in late_ms] == [23, 22]


def test_what_takes_back_is_named_with_the_voids():
    world = World()
    world.write(ORIGINS[0], [at(1, 0), at(1, 7, id="late"), at(2, 0), at(2, 7)])
    void = world.write(ORIGINS[1], [], ["late"])
    found = explained(
        world,
        world.fold(),
        WEEKLY,
        FIRST,
        Vector({ORIGINS[0]: 1}),
        Vector(dict.fromkeys(ORIGINS, 9)),
    )
    assert [(one.entry.token, one.voids, one.events) for one in found.entries] == [
        (void.token, 1, 0)
    ]
    assert (found.entered, found.left) == (0, 1)


def test_where_there_are_too_many_subsets_all_that_concern_the_learner_are_named_as_unsure(
    monkeypatch,
):
    monkeypatch.setattr(limits, "EXPLAINED_SUBSETS_MAX", 4)
    world = World()
    world.write(ORIGINS[0], [at(1, 0), at(1, 7, id="x"), at(2, 14)])
    for day in (1, 2, 3):
        world.write(ORIGINS[1], [at(1, day)])
    world.write(ORIGINS[1], [], ["x"])
    found = explained(
        world,
        world.fold(),
        WEEKLY,
        FIRST,
        Vector({ORIGINS[0]: 1}),
        Vector(dict.fromkeys(ORIGINS, 9)),
    )
    assert [one.is_certain for one in found.entries] == [False] * 4
    assert (found.entered, found.left) == (0, 1)


def test_more_than_fits_is_refused_and_more_than_is_told_is_counted(monkeypatch):
    world = World()
    world.write(ORIGINS[0], [at(1, 0), at(2, 0), at(3, 14)])
    for learner in (1, 2):
        world.write(ORIGINS[1], [at(learner, 7)])
    span = Vector({ORIGINS[0]: 1}), Vector(dict.fromkeys(ORIGINS, 9))
    monkeypatch.setattr(limits, "EXPLAINED_ENTRIES_MAX", 1)
    monkeypatch.setattr(limits, "EXPLAINED_PIECE_EVENTS", 1)  # learner by learner
    found = explained(world, world.fold(), WEEKLY, FIRST, *span)
    assert (len(found.entries), found.more, found.entered) == (1, 1, 2)
    monkeypatch.setattr(limits, "EXPLAINED_EVENTS_MAX", 1)
    with pytest.raises(QuestionError, match="more than 1 events came between"):
        explained(world, world.fold(), WEEKLY, FIRST, *span)


def test_who_is_erased_is_in_no_explanation():
    world = World()
    world.write(ORIGINS[0], [at(1, 0), at(2, 0), at(3, 14)])
    world.write(ORIGINS[1], [at(1, 7, verb="only theirs")])
    world.write(ORIGINS[1], [at(2, 7)])
    state = world.fold()
    hi, lo = (np.array([half], np.uint64) for half in key_of(1))
    state.erase((hi, lo))
    found = explained(
        world, state, WEEKLY, FIRST, Vector({ORIGINS[0]: 1}), Vector(dict.fromkeys(ORIGINS, 9))
    )
    assert [one.entry.number for one in found.entries] == [2]


def test_origins_that_a_caller_makes_up_leave_no_trace():
    world = World()
    world.write(ORIGINS[0], [at(1, 0), at(1, 7)])
    state = world.fold()
    known = len(state.dictionaries.origin)
    made_up = Origin("nobody", "9" * 32, Stream.ANALYTIC)
    found = explained(world, state, WEEKLY, FIRST, Vector({made_up: 3}), Vector({ORIGINS[0]: 1}))
    assert found.entered == 1
    assert len(state.dictionaries.origin) == known
