"""Kept answers about a part of the data: they are what the engine says, and stay while others are written to."""

import random
from dataclasses import replace

import httpx
import pytest

from homeroom import limits
from homeroom.serve.app import make_app
from homeroom.serve.settings import CacheSettings, Settings
from tests.serve.clients import Client

COURSES = ("physics", "art", "law", None)
VERBS = ("read", "played", "answered", "enrolled", "unenrolled", "completed", "passed", "posted")
DEFINITIONS = {
    "cohort": {
        "there": {"did": "course=physics"},
        "gone": {"stopped": "course=physics", "quiet": "3d"},
        "norse": {"attribute": "country=NO"},
        "not here": {"not": {"did": ["course=art", "verb=read"]}},
        "both": {"all": [{"cohort": "there"}, {"cohort": "not here"}]},
        "any": {"did": "any", "within": "2d"},
        "result": {"result": "score>=0.5", "where": "course=physics"},
    }
}
FILTERS = (["course=physics"], ["course=physics,art"], ["course=art"], ["course=law,nowhere"], [])


def an_event(draw, number, courses=COURSES):
    """Return an event that may be of any course run and learner, late or new, with any result."""
    day = draw.choice((1, 5, 18, 19, 20, 20, 21, 22, 23))
    said = {
        "account": f"a{draw.randrange(9)}",
        "verb": draw.choice(VERBS),
        "time": f"2026-11-{day:02d}T{draw.randrange(24):02d}:{draw.randrange(60):02d}:00Z",
        "id": f"e{number}",
        "activity": f"x{draw.randrange(4)}",
    }
    course = draw.choice(courses)
    if course is not None:
        said["course"] = course
    if draw.random() < 0.3:
        said["score"] = draw.random()
    if draw.random() < 0.1:
        said["attributes"] = {"country": draw.choice(("NO", "DE"))}
    return said


KINDS = (
    *("retention", "lifecycle", "stickiness", "active", "funnel", "paths"),
    *("report", "at-risk", "learner", "learner", "cohort", "members", "overlap"),
)
RANGES = ({}, {}, {"from": "2026-11-04"}, {"to": "2026-11-21"})
MOMENTS = ({}, {}, {"timezone": "Asia/Tokyo"}, {"as_of": "2026-11-21T12:00:00Z"})
MORE = ([], [], ["verb=read"], ["country=NO"], ["verb=never"])
COHORTS = ({}, *({"cohort": name} for name in DEFINITIONS["cohort"]), {"compare": ["there", "any"]})
PARTED = ({}, {}, {"breakdown": "country"}, {"breakdown": "course"})


def of_cohorts(draw, learners, asked):
    return {
        "learner": {"learner": draw.choice(learners)},
        "overlap": {"cohorts": ["there", "norse"]},
    }.get(asked["question"], {"cohort": draw.choice(tuple(DEFINITIONS["cohort"]))})


def of_risk(draw, asked):
    filters = draw.choice(FILTERS[:3])
    beyond = draw.choice((["any"], ["video"]))
    return {"filters": filters, "weeks": draw.choice((0, 1, 3)), "beyond": beyond}


def of_events(draw, asked):
    """Return what is asked of events: those of some course run, in some range, of some cohort."""
    kind, filters = asked["question"], [*draw.choice(FILTERS), *draw.choice(MORE)]
    said = {"filters": filters, **draw.choice(RANGES), **draw.choice(MOMENTS)}
    if kind == "report":
        return {**said, "course": draw.choice((["physics"], ["art", "law"], ["physics", "art"]))}
    if kind == "funnel":
        steps = ["verb=read", "verb=answered"]
        return {**said, "steps": steps, "within": draw.choice(("2h", "7d"))}
    if kind in ("retention", "lifecycle", "stickiness"):
        said["interval"] = draw.choice(("hour", "day", "week"))
    if kind == "retention" and said["interval"] != "hour":
        said["align"] = draw.choice(("calendar", "enrolment", "course-start"))
    return {**said, **draw.choice((*COHORTS, *PARTED))}


def a_question(draw, learners):
    """Return a question of any kind, about any part."""
    asked = {"question": draw.choice(KINDS), "definitions": DEFINITIONS}
    if asked["question"] in ("learner", "cohort", "members", "overlap"):
        return {**asked, **of_cohorts(draw, learners, asked)}
    return {**asked, **(of_risk if asked["question"] == "at-risk" else of_events)(draw, asked)}


class Asked:
    """One node, asked by way of its cache and past it."""

    def __init__(self, folder):
        self.client = Client(folder, Settings(cache=CacheSettings(seconds=3_600.0)))
        self.writer = self.client.key("write", name="w")
        self._fresh = make_app(replace(self.client.interface, remembering=None))
        self.number = 0

    def send(self, draw, count=1, courses=COURSES):
        events = [an_event(draw, self.number + i, courses) for i in range(count)]
        self.number += count
        self.client.send(*events, key=self.writer)
        self.client.now_ms += limits.FROZEN_MS_MAX  # nothing is asked of a state from before that

    def fresh(self, key, question):
        """Return what the engine says."""

        async def post():
            transport = httpx.ASGITransport(app=self._fresh)
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
                given = {"Authorization": f"Bearer {key}"}
                return await http.post("/v1/query", json=question, headers=given)

        return self.client.run(post())

    def kept(self, key, question):
        """Return what is told by way of the cache, and where it was found."""
        answer = self.client.query(key, question)
        return answer, answer.headers.get("Homeroom-Cache")


@pytest.fixture
def asked(tmp_path):
    made = Asked(tmp_path / "data")
    yield made
    made.client.close()


def what(told):
    """Return what of an answer must be what the engine says."""
    if told.status_code != 200:
        return told.status_code
    said = told.json()
    return said["answer"], said["age_ms"], said["vector"], said["complete"]


def learners_of(asked, key):
    listed = asked.fresh(key, {"question": "members", "cohort": {"did": "any"}}).json()
    return listed["answer"]["members"]


def walk(asked, seed, steps):
    """Write and ask at random; return where answers were found. Raises where one is not what the engine says."""
    draw = random.Random(seed)
    asked.send(draw, 60)
    reader = asked.client.key("read", "persons", name="r")
    keys = (reader, asked.client.key("read", name="p", courses=("physics",)), reader)
    learners = learners_of(asked, reader)
    pool = [a_question(draw, learners) for _ in range(12)]
    found: dict[str | None, int] = {}
    for step in range(steps):
        for question in draw.sample(pool, 8):
            key = draw.choice(keys)
            # Counts become exact in between, when somebody asks history or nothing comes.
            right = [asked.fresh(key, question)]
            told, where = asked.kept(key, question)
            right.append(asked.fresh(key, question))
            assert what(told) in [what(one) for one in right], (seed, step, question)
            found[where] = found.get(where, 0) + 1
        courses = draw.choice((COURSES, ("law",), ("law",), ("art",)))
        asked.send(draw, draw.choice((1, 1, 2, 5)), courses)
    return found


def test_of_random_events_and_questions_what_is_kept_is_what_the_engine_says(asked):
    assert walk(asked, 0, 12)["process; current"] > 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 9))
def test_so_it_is_of_many(asked, seed):
    assert walk(asked, seed, 40)["process; current"] > 20
