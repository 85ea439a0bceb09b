"""Events of a made-up course run with all that a report looks at, as a data directory.

A learner makes visits: to a video (played, paused, sought, played on), a problem (up to three answers), a page, or
the forum. Visits to early sections are more frequent than to late ones, as in real courses. Some pauses are missing,
some videos are completed. Beside the visits stand enrolments, leavers and grades. One learner in five is in another
course run. Learners are numbers here, not accounts: what is measured begins behind the door.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from homeroom.adapters.directory import DataDirectory, Manifest
from homeroom.adapters.threads import ThreadRun
from homeroom.events.dictionary import Dictionaries
from homeroom.events.model import STANDINGS, TRACKS, EventBatch
from homeroom.events.texts import sealed
from homeroom.state.history import Segment
from homeroom.state.state import State
from homeroom.state.zones import load_zone

__all__ = ["COURSE", "make_directory"]

COURSE = "course-v1:Made+Up+1"
_OTHER = "course-v1:Made+Up+2"
_START_MS = 1_736_121_600_000
_DAYS = 84
_SECTIONS, _VIDEOS, _PROBLEMS, _PAGES = 12, 60, 80, 120
BATCH = 1 << 20
_VIDEO_VERBS = "https://w3id.org/xapi/video/verbs/"
_VERBS = (
    f"{_VIDEO_VERBS}played", f"{_VIDEO_VERBS}paused", f"{_VIDEO_VERBS}seeked",
    "http://adlnet.gov/expapi/verbs/completed", "http://adlnet.gov/expapi/verbs/answered",
    "http://id.tincanapi.com/verb/viewed", "https://w3id.org/xapi/acrossx/verbs/posted",
    "http://adlnet.gov/expapi/verbs/registered", "http://id.tincanapi.com/verb/unregistered",
    "http://adlnet.gov/expapi/verbs/scored",
)  # fmt: skip
_PLAYED, _PAUSED, _SEEKED, _COMPLETED, _ANSWERED, _VIEWED, _POSTED, _JOINED, _LEFT, _SCORED = range(
    10
)
_NAMES = ("learner", "time_ms", "verb", "activity", "track", "standing", "section", "answer",
          "success", "score", "duration_ms", "position_s", "position_from_s", "length_s")  # fmt: skip
Columns = dict[str, npt.NDArray[Any]]
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class _Codes:
    verb: npt.NDArray[np.int32]
    activity: npt.NDArray[np.int32]
    section: npt.NDArray[np.int32]
    answer: npt.NDArray[np.int32]
    course: npt.NDArray[np.int32]


def make_directory(folder: Path, events: int, learners: int, seed: int = 1) -> None:
    """Write a data directory with about so many events of `COURSE`, and a quarter as many of another run."""
    rng = np.random.default_rng(seed)
    place = DataDirectory(folder)
    with place.locked():
        dictionaries = Dictionaries.under(bytes(32))
        state = State(load_zone("UTC"), dictionaries, ThreadRun())
        entries = []

        def keep(segment: Segment) -> Segment:
            entry, kept = place.keep(1, len(entries), segment, dictionaries)
            entries.append(entry)
            return kept

        state.keep = keep
        codes = _codes(dictionaries)
        columns = _in_time([*_visits(rng, events, learners), *_standings(rng, learners)])
        keys = rng.integers(0, 1 << 63, (2, learners), np.uint64) << np.uint64(1)
        other = (rng.random(learners) < 0.2).astype(np.int64)[columns["learner"]]
        for start in range(0, len(other), BATCH):
            rows = slice(start, start + BATCH)
            part = {name: column[rows] for name, column in columns.items()}
            state.fold(_batch(part, codes, keys, other[rows], rng))
        state.settle()
        place.commit(
            state, Manifest(load=1, segments=tuple(entries), summary={"learners": learners})
        )


def _codes(dictionaries: Dictionaries) -> _Codes:
    names = [f"video {i:03}" for i in range(_VIDEOS)]
    names += [f"problem {i:03}" for i in range(_PROBLEMS)]
    names += [f"page {i:03}" for i in range(_PAGES)] + ["forum"]
    sections = [f"week {i + 1:02}" for i in range(_SECTIONS)]
    answers = [f"choice {i}" for i in range(5)]
    return _Codes(
        verb=dictionaries.verb.codes(list(_VERBS), len(_VERBS)),
        activity=dictionaries.activity.codes(names, len(names)),
        section=dictionaries.section.codes(sections, len(sections)),
        answer=dictionaries.answer.codes(answers, len(answers)),
        course=dictionaries.course.codes([COURSE, _OTHER], 2),
    )


def _visits(rng: np.random.Generator, events: int, learners: int) -> Iterator[Columns]:
    """Yield the columns of each kind of visit; activities are places in the list of names, -1 is absent."""
    count = round(events * 1.25 / 4.2)
    who = (learners * rng.random(count) ** 1.5).astype(np.int64)
    at = _START_MS + (_DAYS * 86_400_000 * rng.random(count) ** 1.3).astype(np.int64)
    section = np.minimum((at - _START_MS) * _SECTIONS // (_DAYS * 86_400_000) + rng.integers(0, 2, count),
                         _SECTIONS - 1)  # fmt: skip
    kind = rng.choice(4, count, p=(0.6, 0.22, 0.13, 0.05))
    for number, make in enumerate((_of_videos, _of_problems, _of_pages, _of_forum)):
        chosen = kind == number
        yield from make(rng, who[chosen], at[chosen], section[chosen])


def _of_videos(
    rng: np.random.Generator, who: Array, at: Array, section: Array
) -> Iterator[Columns]:
    video = section * (_VIDEOS // _SECTIONS) + rng.integers(0, _VIDEOS // _SECTIONS, len(who))
    apart = _apart(who, video, at)
    who, at, section, video = who[apart], at[apart], section[apart], video[apart]
    count = len(who)
    length = 120.0 + 12.5 * video
    first = np.where(rng.random(count) < 0.7, 0.0, rng.random(count) * 0.5 * length)
    watched = rng.exponential(0.4, (3, count)) * length
    one = np.minimum(first + watched[0], length)
    two = np.minimum(one + watched[1], length)
    back = np.where(rng.random(count) < 0.5, two * rng.random(count), two)
    three = np.minimum(back + watched[2], length)
    common = {"learner": who, "activity": video, "section": section, "track": TRACKS.index("video"),
              "length_s": length}  # fmt: skip

    def step(after_s: Array, verb: int, position: Array, come_from: Array | None = None) -> Columns:
        moved = {} if come_from is None else {"position_from_s": come_from}
        times = at + (1_000 * after_s).astype(np.int64)
        return _columns({**common, "time_ms": times, "verb": verb, "position_s": position, **moved})

    passed = np.zeros(count)
    yield step(passed, _PLAYED, first)
    passed = passed + one - first + 0.01
    yield step(passed, _PAUSED, one)
    passed = passed + 10
    yield step(passed, _PLAYED, one)
    passed = passed + two - one + 0.01
    yield step(passed, _SEEKED, back, two)
    passed = passed + three - back + 0.01
    ends = rng.random(count) < 0.8
    yield _chosen(step(passed, _PAUSED, three), ends)
    yield _chosen(step(passed + 0.01, _COMPLETED, three), ends & (three >= 0.95 * length))


def _apart(who: Array, what: Array, at: Array) -> Array:
    """Return the visits that do not begin within three hours of the one before by the same learner."""
    order = np.lexsort((at, what, who))
    who, what, at = who[order], what[order], at[order]
    same = (who[1:] == who[:-1]) & (what[1:] == what[:-1]) & (at[1:] - at[:-1] < 3 * 3_600_000)
    return order[np.concatenate([[True], ~same])]


def _of_problems(
    rng: np.random.Generator, who: Array, at: Array, section: Array
) -> Iterator[Columns]:
    count = len(who)
    problem = section * (_PROBLEMS // _SECTIONS) + rng.integers(0, _PROBLEMS // _SECTIONS, count)
    common = {
        "learner": who,
        "activity": _VIDEOS + problem,
        "section": section,
        "track": TRACKS.index("problem"),
    }
    yield _columns({**common, "time_ms": at, "verb": _VIEWED})
    still = np.ones(count, np.bool_)
    for attempt in range(3):
        right = rng.random(count) < 0.35 + 0.4 * (problem % 7) / 7
        given = np.where(right, problem % 5, (problem + rng.integers(1, 5, count)) % 5)
        took = rng.integers(5_000, 200_000, count)
        at = at + took
        answer = {
            "answer": given,
            "success": right,
            "score": right.astype(np.float64),
            "duration_ms": took,
        }
        yield _chosen(_columns({**common, "time_ms": at, "verb": _ANSWERED, **answer}), still)
        still = still & ~right & (rng.random(count) < 0.7 - 0.2 * attempt)


def _of_pages(rng: np.random.Generator, who: Array, at: Array, section: Array) -> Iterator[Columns]:
    page = section * (_PAGES // _SECTIONS) + rng.integers(0, _PAGES // _SECTIONS, len(who))
    activity = _VIDEOS + _PROBLEMS + page
    yield _columns({"learner": who, "time_ms": at, "verb": _VIEWED, "activity": activity, "section": section,
                    "track": TRACKS.index("reading")})  # fmt: skip


def _of_forum(
    rng: np.random.Generator, who: Array, at: Array, _section: Array
) -> Iterator[Columns]:
    forum = {
        "learner": who,
        "activity": _VIDEOS + _PROBLEMS + _PAGES,
        "track": TRACKS.index("forum"),
    }
    yield _columns({**forum, "time_ms": at, "verb": _VIEWED})
    yield _chosen(
        _columns({**forum, "time_ms": at + 60_000, "verb": _POSTED}), rng.random(len(who)) < 0.3
    )


def _standings(rng: np.random.Generator, learners: int) -> Iterator[Columns]:
    who, track = np.arange(learners), TRACKS.index("enrolment")
    joined = _START_MS + rng.integers(0, 14 * 86_400_000, learners)
    yield _columns({"learner": who, "time_ms": joined, "verb": _JOINED, "track": track,
                    "standing": STANDINGS.index("enrolled")})  # fmt: skip
    left = joined + rng.integers(0, 60 * 86_400_000, learners)
    gone = _columns(
        {"learner": who, "time_ms": left, "verb": _LEFT, "standing": STANDINGS.index("left")}
    )
    yield _chosen(gone, rng.random(learners) < 0.1)
    score = rng.beta(5, 2, learners)
    verdict = np.where(score >= 0.5, STANDINGS.index("passed"), STANDINGS.index("failed"))
    end = np.full(learners, _START_MS + _DAYS * 86_400_000) - rng.integers(0, 86_400_000, learners)
    graded = _columns(
        {"learner": who, "time_ms": end, "verb": _SCORED, "standing": verdict, "score": score}
    )
    yield _chosen(graded, rng.random(learners) < 0.4)


_ABSENT: Mapping[str, float] = {
    "activity": -1, "section": -1, "answer": -1, "success": -1, "duration_ms": -1,
    "score": np.nan, "position_s": np.nan, "position_from_s": np.nan, "length_s": np.nan,
}  # fmt: skip


def _columns(given: Mapping[str, Any]) -> Columns:
    count = len(given["time_ms"])
    return {name: np.broadcast_to(given.get(name, _ABSENT.get(name, 0)), count) for name in _NAMES}


def _chosen(columns: Columns, chosen: npt.NDArray[np.bool_]) -> Columns:
    return {name: column[chosen] for name, column in columns.items()}


def _in_time(parts: list[Columns]) -> Columns:
    joined = {name: np.concatenate([part[name] for part in parts]) for name in _NAMES}
    order = np.argsort(joined["time_ms"], kind="stable")
    return {name: column[order] for name, column in joined.items()}


def _batch(
    part: Columns, codes: _Codes, keys: Array, other: Array, rng: np.random.Generator
) -> EventBatch:
    count = len(part["time_ms"])
    identity = rng.integers(0, 1 << 63, (2, count), np.uint64)

    def coded(name: str, table: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        places = part[name].astype(np.int64)
        return np.where(places < 0, np.int32(-1), table[places]).astype(np.int32)

    plain = {"track": np.uint8, "standing": np.uint8, "success": np.int8, "score": np.float64,
             "duration_ms": np.int64, "position_s": np.float64, "position_from_s": np.float64,
             "length_s": np.float64}  # fmt: skip
    columns = {name: sealed(part[name].astype(dtype)) for name, dtype in plain.items()}
    return EventBatch(
        key_hi=sealed(keys[0][part["learner"]]),
        key_lo=sealed(keys[1][part["learner"]]),
        time_ms=sealed(part["time_ms"].astype(np.int64)),
        verb=sealed(coded("verb", codes.verb)),
        activity=sealed(coded("activity", codes.activity)),
        course=sealed(codes.course[other]),
        section=sealed(coded("section", codes.section)),
        answer=sealed(coded("answer", codes.answer)),
        identity_hi=sealed(identity[0]),
        identity_lo=sealed(identity[1]),
        id_hash=sealed(np.zeros(count, np.uint64)),
        **columns,
    )
