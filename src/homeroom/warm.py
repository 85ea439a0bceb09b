"""Compile all kernels, so that nobody's first question waits for a compiler.

Numba compiles a kernel when it is first called with arguments of certain types and keeps the machine code on disk.
Listing kernels and types here would rot; so a small school day is played instead: events of every source are read,
loaded and opened again, and every kind of question is asked from columns and from history. What users do later then
finds its code ready. A test checks that nothing is left to compile.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from homeroom import limits
from homeroom.adapters.code_keeping import keep_code
from homeroom.analyzer import load, open_directory, read, scan
from homeroom.cohorts.kernels import codes, timelines
from homeroom.dataset import Dataset
from homeroom.events.sent import Form, SentBatch
from homeroom.events.texts import sealed
from homeroom.log.control import DefinitionKind, DefinitionPut
from homeroom.log.log import Accepted
from homeroom.running.node import RunningNode
from homeroom.running.opening import NodeOptions
from homeroom.simulation.world import LearnerWorld
from homeroom.simulation.writers import Target, write_world
from homeroom.state.coded import PLACE_DTYPES, Coded
from homeroom.traffic.detection.detector import Detector
from homeroom.traffic.detection.steps import (
    HeartbeatCame,
    MembersChanged,
    Outcome,
    Probe,
    ProbeEnded,
    SendHeartbeat,
    Tick,
)

__all__ = ["warm_kernels"]

_COURSES = ("course-v1:Warm+A+1", "course-v1:Warm+B+1")
_STANDINGS = ("enrolled", None, "graded", None, "progressed", None, "completed", "passed", "left")
_XAPI = (
    '{{"id":"6690e6c9-3ef0-4ed3-8b37-7f3964730b{0:02d}","actor":{{"account":{{"homePage":"http://warm","name":"w{0}"}}}},'
    '"verb":{{"id":"http://adlnet.gov/expapi/verbs/completed"}},"object":{{"id":"http://warm/a"}},'
    '"result":{{"score":{{"scaled":0.5}}}},"timestamp":"2024-03-0{1}T10:00:00+01:00"}}\n'
)


def warm_kernels(say: Callable[[str], None]) -> None:
    """Compile and keep all kernels; ``say`` is told what happens, a line at a time.

    Numba compiles one kernel at a time in a process, so two of them begin with what takes longest. The whole day is
    played afterwards nevertheless: it finds most of it ready, and compiles what a process has lost to the other.
    """
    say("compiling kernels, once a version and machine (less than a minute)")
    with (
        tempfile.TemporaryDirectory(prefix="homeroom-") as folder,
        ProcessPoolExecutor(1, get_context("spawn")) as beside,
    ):
        place = Path(folder)
        files = _write_sources(place)
        key = place / "warm.key"
        behind = beside.submit(_begin_beside, place / "beside")
        _generate(place)
        data = read(*files, _table(600), key=key)
        _ask_columns(data)
        _ask_cohorts(data)
        behind.result()
        _play(place, files, data)
        keep_code()


def _begin_beside(place: Path) -> None:
    """Do what the other process does last: scan, and ask what is answered from history."""
    place.mkdir()
    key = place / "warm.key"
    _scan_all(place, key)
    _read_places()
    data = read(_table(600), key=key)
    _ask_reports(data)
    _ask_behaviour(data)


def _play(place: Path, files: list[Path], data: Dataset) -> None:
    key = place / "warm.key"
    _scan_all(place, key)
    _read_places()
    for one in (
        data,
        load(place / "data", _table(600), timezone="Europe/Berlin", key=key),
        load(place / "data", *files[:2], key=key),
        open_directory(place / "data"),
        _corrected(read(*files, _table(600), key=key)),
        _corrected(open_directory(place / "data", key)),
        # Of so many learners that a few rows may stay out of place.
        _corrected(read(_table(6_000, learners=3_000), key=key)),
    ):
        _ask_columns(one)
        _ask_cohorts(one)
        _ask_reports(one)
        _ask_behaviour(one)
        one.fingerprint()
    for _ in range(2):  # the second start opens what the first has left
        asyncio.run(_run_node(place / "node"))
    _judge()


def _judge() -> None:
    """Have two nodes judge each other, of which one begins anew."""
    regions = {"a": "here", "b": "there"}
    nodes = {name: Detector(name, regions[name], f"{name}1", 0) for name in regions}
    for node in nodes.values():
        node.step(MembersChanged(regions), 0)
    for now_ms in range(0, 4_000, limits.DETECTOR_TICK_MS):
        if now_ms == 2_000:
            nodes["b"] = Detector("b", "there", "b2", now_ms)
            nodes["b"].step(MembersChanged(regions), now_ms)
        for name, node in nodes.items():
            for effect in node.step(Tick(), now_ms):
                if isinstance(effect, SendHeartbeat):
                    nodes[effect.to].step(HeartbeatCame(name, effect.body), now_ms)
                elif isinstance(effect, Probe):
                    ended = ProbeEnded(effect.node, effect.asked_ms, Outcome.ANSWER, 1.0)
                    node.step(ended, now_ms)


async def _run_node(place: Path) -> None:
    """Run a node that takes a few events and keeps all kinds of cohorts."""
    node = await RunningNode.open(place, NodeOptions(now_ms=lambda: _NODE_MS))
    for kind in (DefinitionKind.LIST, DefinitionKind.CALENDAR, DefinitionKind.COHORT):
        for name, written in _COHORTS[kind.value].items():
            put = DefinitionPut(tenant="main", kind=kind, name=name, written=dict(written))
            await node.change(put, "warm")
    for number in range(3):
        events = [_sent(number, n) for n in range(40)]
        body = msgspec.json.encode(events)
        digest = hashlib.sha256(body).digest()
        batch = SentBatch(batch_id=None, body=body, form=Form.JSON, digest=digest)
        outcome = await node.offer("main", "warm", batch)
        assert isinstance(outcome, Accepted), "a batch that was made here is right"
        now = await node.cohorts("main", outcome.token)
    for cohort in now.cohorts:
        assert cohort.problem is None, cohort.problem
        for learner in (await node.members("main", cohort.name, 0, 1, None)).members:
            await node.cohorts_of("main", learner, None)
    await node.stop()


def _sent(batch: int, number: int) -> dict[str, object]:
    return {
        "account": f"w{number % 9 + batch}",
        "time": f"2024-03-{1 + number % 28:02d}T10:{number % 60:02d}:00Z",
        "verb": ("posted", "played", "completed")[number % 3],
        "course": _COURSES[number % 2],
        "standing": ("enrolled", "graded", "progressed")[number % 3],
        "score": number % 5 / 4,
        "success": number % 2 == 0,
        "attributes": {"country": ("DE", "FR")[number % 2]},
        "id": f"{batch}/{number}",
    }


def _corrected(data: Dataset) -> Dataset:
    """Change the past of a data set in every way."""
    learners = [("http://warm", f"w{i}") for i in range(4)]
    for pairs in (learners[:2], learners[1:3], learners[2:]):
        data.merge([(pairs[0], pairs[1])])
    data.void([f"e{i}" for i in (0, 7, 599)])
    data.unmerge([(learners[1], learners[2])])
    return data


def _generate(place: Path) -> None:
    """Generate learners in both forms: columns, and lines of text."""
    world = LearnerWorld(events=4_000, learners=300)
    for name in ("generated.parquet", "generated.csv", "generated.ndjson"):
        write_world(world, Target.at(place / name), lambda _lines: None)


def _scan_all(place: Path, key: Path) -> None:
    """Scan pages of both encodings, rows that must be refused, more accounts than an index begins with, and issuers."""
    table = _table(3_000)
    whole = table.drop_columns(["issuer"]).set_column(
        0, "account", [[f"warm {i}" for i in range(3_000)]]
    )
    holes = pa.array([None if i % 50 == 0 else f"w{i % 40}" for i in range(3_000)], pa.string())
    for number, one in enumerate((whole, whole.set_column(0, "account", holes), table)):
        for has_dictionary in (True, False):
            file = place / f"warm-{number}-{has_dictionary}.parquet"
            pq.write_table(one, file, use_dictionary=has_dictionary, row_group_size=250)
            scan(file, key=key).retention()


def _read_places() -> None:
    """Read columns with places of every width in lists of their values: a day at this school needs narrow ones only."""
    for dtype in PLACE_DTYPES:
        places = sealed(np.zeros(1, dtype))
        for values in (np.int32, np.int64, np.float64):
            Coded(places, sealed(np.zeros(1, values))).column()
        codes.pass_places(places, sealed(np.zeros(1, np.uint8)), np.zeros(1, np.uint8))
        timelines.mark_places(places, sealed(np.zeros(1, np.uint32)), np.zeros(1, np.uint32))


def _table(events: int, learners: int = 40) -> pa.Table:
    rng = np.random.default_rng(7)
    who = rng.integers(0, learners, events)
    times = np.datetime64("2024-01-30T00:00:00", "ms") + np.sort(
        rng.integers(0, 60 * 86_400_000, events)
    )
    return pa.table(
        {
            "account": [f"w{i}" for i in who],
            "issuer": ["http://warm"] * events,
            "time": pa.array(times, pa.timestamp("ms", tz="UTC")),
            "verb": pa.array(
                rng.choice(["played", "posted", "enrolled", "answered"], events)
            ).dictionary_encode(),
            "activity": [f"a{i % 9}" for i in range(events)],
            "course": [_COURSES[i % 2] for i in range(events)],
            "id": [f"e{i}" for i in range(events)],
            "section": [f"week {i % 3}" for i in range(events)],
            "score": rng.random(events),
            "standing": [_STANDINGS[i % len(_STANDINGS)] for i in range(events)],
            "progress": rng.random(events),
            "country": pa.array([("DE", None, "FR")[i % 3] for i in who], pa.string()),
        }
    )


def _write_sources(place: Path) -> list[Path]:
    xapi, csv = place / "warm.json", place / "warm.csv"
    xapi.write_text("".join(_XAPI.format(i, i % 9 + 1) for i in range(60)))
    rows = [f"w{i},2024-03-0{i % 9 + 1}T08:00:00Z,played,a,{_COURSES[0]}" for i in range(60)]
    csv.write_text("account,time,verb,activity,course\n" + "\n".join(rows) + "\n")
    array = place / "warm-array.json"
    array.write_text("[" + ",".join(_XAPI.format(i, i % 9 + 1).strip() for i in range(9)) + "]")
    return [xapi, csv, array]


def _ask_columns(data: Dataset) -> None:
    for fields in _fields():
        data.retention(**fields)
        data.lifecycle(**{name: value for name, value in fields.items() if name in _SHARED})
    data.stickiness()
    data.active()
    data.retention(filters=["score>=0.5"], breakdown="verb")
    data.lifecycle(breakdown="verb")
    data.retention(interval="hour", from_="2024-03-01", to="2024-03-03")


def _ask_cohorts(data: Dataset) -> None:
    for definitions in (_COHORTS, {**_COHORTS, "timezone": "Asia/Kolkata"}):
        data.overlap(definitions=definitions)
        data.cohort(definitions=definitions, cohort="both", changed="2024-02-01,2024-03-01")
        data.retention(definitions=definitions, cohort="both", compare="days,german")
    [one, *_] = data.members(definitions=_COHORTS, cohort="days").members
    data.learner(definitions=_COHORTS, learner=one)


def _ask_reports(data: Dataset) -> None:
    for at_risk in _AT_RISK:
        data.at_risk(**at_risk)
    data.report(course=list(_COURSES))
    for filters in (["track!=other"], ["country=DE"], ["track!=other", "country=DE"]):
        data.report(course=_COURSES[0], filters=filters)
    for question in data.standard_questions({}, data.definitions("standard")):
        data.ask(question)


def _ask_behaviour(data: Dataset) -> None:
    steps = ["verb=enrolled", "verb=played and score>=0.1"]
    for count in ("best", "first"):
        data.funnel(steps=steps, exclude=["verb=posted"], filters=["country=DE"], count=count)
        data.funnel(steps=steps, order="any", count=count)
    data.paths()
    data.paths(before=["verb=posted"], by="activity", filters=["country=DE"])


_NODE_MS = 1_711_900_000_000
_COHORTS: dict[str, dict[str, dict[str, object]]] = {
    "cohort": {
        "days": {"did": "any", "unit": "days"},
        "weeks": {"did": "track!=video", "at_least": 2, "unit": "days", "within": "50d"},
        "german": {"attribute": "country=DE"},
        "listed": {"list": "some"},
        "stopped": {"stopped": "verb=posted", "quiet": "3d"},
        "counted": {"did": "verb=posted", "at_least": 1},
        "of days": {"did": "verb=posted", "at_most": 2, "unit": "days"},
        "in time": {"did": "any", "within": {"before": "start"}},
        "first": {"first": "verb=posted", "within": {"before": "start"}},
        "then": {"did": "verb=posted", "then_not": "any", "during": "3d"},
        "then not": {"did": "any", "then_not": "verb=posted"},
        "steps": {"sequence": ["any", "verb=posted"], "in": "9d"},
        **{of: {"result": "score>=0.5", "of": of} for of in ("latest", "best", "any")},
        "success": {"result": "success!=true"},
        "both": {"any": [{"not": {"cohort": "steps"}}, {"all": [{"cohort": "days"}]}]},
    },
    "list": {"some": {"members": ["0" * 32]}},
    "calendar": {_COURSES[0]: {"start": "2024-02-20"}},
}
_PAST = "2024-03-10T12:00:00Z"
_AT_RISK: tuple[dict[str, object], ...] = (
    {"quiet_days": 1},
    {"as_of": _PAST, "filters": ["country=DE", f"course={_COURSES[0]}"], "sort": "course"},
    {"timezone": "Asia/Kolkata", "sort": "longest-quiet", "breakdown": "country"},
)
_SHARED = ("interval", "timezone", "filters", "week_start", "breakdown")


def _fields() -> Iterator[dict[str, object]]:
    for interval in ("day", "week", "month"):
        yield {"interval": interval}
        yield {"interval": interval, "filters": ["country=DE"]}
    yield {"interval": "week", "week_start": "sunday", "timezone": "Asia/Kolkata"}
    yield {"mode": "recurring", "match": "on-or-after", "breakdown": "course"}
    yield {"brackets": ["1", "2-3"], "entry": ["track=video"], "filters": ["country!=DE"]}
    yield {"returning": ["verb=played"], "filters": ["country=DE"], "breakdown": "country"}
    yield {"align": "enrolment"}
    yield {"align": "course-start", "interval": "month", "returning": ["verb=posted"]}
