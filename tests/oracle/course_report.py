"""The plain twin of course reports: each number from its definition in ``docs/reference/course-report.md``.

Sets of (learner, second), lists of attempts, one event after the other: nothing is quick. What comes out has the
shape of the answer's JSON, without the summary. A run of seconds or a share that the answer derives is worked out
anew here.
"""

import datetime as dt
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from homeroom.cohorts.questions import CourseReport
from tests.oracle.course_events import CourseEvent
from tests.oracle.periods import Calendar

__all__ = ["report"]

Figures: TypeAlias = dict[str, Any]
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS
LONGEST_S = 21_600
ACTS = {
    "played": "played",
    "https://w3id.org/xapi/video/verbs/paused": "paused",
    "seek_video": "seeked",
    "completed": "completed",
    "terminated": "terminated",
    "answered": "answered",
    "problem_check": "answered",
    "edx.forum.thread.created": "posted",
    "\\mod_forum\\event\\discussion_viewed": "read",
    "viewed": "read",
    "registered": "enrolled",
    "unregistered": "left",
}
"""What the verbs of the random events mean."""


@dataclass(frozen=True)
class Run:
    """The events of one course run by learner in order of time, and what of them counts."""

    course: str
    events: list[CourseEvent]
    calendar: Calendar
    question: CourseReport
    as_of_ms: int

    def date(self, event: CourseEvent) -> dt.date:
        return self.calendar.date(event.time_ms)

    @property
    def weeks(self) -> list[dt.date]:
        dates, q = [self.date(e) for e in self.events], self.question
        first = q.from_ or min([*dates, q.to or dates[0]])
        last = q.to or max([*dates, first])
        return list(self.calendar.shown("week", first, last))

    def week(self, event: CourseEvent) -> int | None:
        period = self.calendar.period("week", event.time_ms)
        return self.weeks.index(period) if period in self.weeks else None

    @property
    def end(self) -> dt.date:
        return self.weeks[-1] + dt.timedelta(days=7)

    @property
    def inside(self) -> list[CourseEvent]:
        first, end = self.weeks[0], self.end
        return [e for e in self.events if first <= self.date(e) < end]

    def learners(self, events: Iterable[CourseEvent]) -> dict[str, list[CourseEvent]]:
        found: dict[str, list[CourseEvent]] = {}
        for event in sorted(events, key=lambda e: e.time_ms):
            found.setdefault(event.account, []).append(event)
        return found


def act(event: CourseEvent) -> str | None:
    found = ACTS.get(event.verb)
    return None if found in ("posted", "read") and event.track != "forum" else found


def report(
    events: Sequence[CourseEvent], question: CourseReport, zone: str = "UTC"
) -> list[Figures]:
    """Return the figures of each course run that the question names."""
    events = list({repr(event): event for event in events}.values())
    calendar = Calendar(question.timezone or zone, question.week_start)
    as_of_ms = max(event.time_ms for event in events)
    if question.as_of is not None:
        epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        as_of_ms = (question.as_of - epoch) // dt.timedelta(milliseconds=1)
    out = []
    for course in question.course:
        own = [event for event in events if event.course == course]
        out.append(_run(Run(course, own, calendar, question, as_of_ms)) if own else None)
    return out


def _run(run: Run) -> Figures:
    by_verb = not any(e.standing in ("enrolled", "left") for e in run.events)
    joins = [e for e in run.events if _moves(e, by_verb)]
    start = min((run.date(e) for e in run.events if e not in joins), default=None)
    start = start or min(map(run.date, run.events))
    return {
        "course": run.course,
        "start": start.isoformat(),
        "weeks": [week.isoformat() for week in run.weeks],
        "complete": [run.calendar.end_ms("week", week) <= run.as_of_ms for week in run.weeks],
        "enrolments": _enrolments(run, by_verb),
        "engagement": _engagement(run),
        "videos": _videos(run),
        "problems": _problems(run),
        "discussion": _discussion(run),
        "grades": _grades(run),
        "since_start": _since_start(run, start),
    }


# --- enrolments ------------------------------------------------------------------------------------------------


def _moves(event: CourseEvent, by_verb: bool) -> str | None:
    moved = act(event) if by_verb else event.standing
    return moved if moved in ("enrolled", "left") else None


def _enrolments(run: Run, by_verb: bool) -> Figures:
    enrolled, left = [0] * len(run.weeks), [0] * len(run.weeks)
    current = again = ever = 0
    for own in run.learners(e for e in run.events if run.date(e) < run.end).values():
        steps = [e for e in own if _moves(e, by_verb)]
        steps.sort(key=lambda e: (e.time_ms, _moves(e, by_verb) == "enrolled"))
        where = "never"
        for event in steps:
            week, comes = run.week(event), _moves(event, by_verb) == "enrolled"
            if comes and where != "in":
                if week is not None:
                    enrolled[week] += 1
                    again += where == "out"
                where = "in"
            elif not comes and where != "out":
                if week is not None:
                    left[week] += 1
                where = "out"
        current += where == "in"
        ever += any(_moves(e, by_verb) == "enrolled" for e in steps)
    if not (ever or any(left)):
        return {"absent": ...}
    net = [a - b for a, b in zip(enrolled, left, strict=True)]
    return {
        "enrolled": enrolled,
        "left": left,
        "net": net,
        "current": current,
        "again": again,
        "ever": ever,
    }


# --- engagement ------------------------------------------------------------------------------------------------


def _engagement(run: Run) -> Figures:
    inside = run.inside
    everybody = {e.account for e in inside}
    active = [
        len({e.account for e in inside if run.week(e) == number})
        for number in range(len(run.weeks))
    ]
    pages = [
        {"name": name, **_visited(run, [e for e in inside if e.activity == name], everybody)}
        for name in {e.activity for e in inside if e.activity}
    ]
    pages.sort(key=lambda page: (-page["learners"], page["name"]))
    return {
        "active": active,
        "learners": len(everybody),
        "sections": _sections(run, inside, everybody) or {"absent": ...},
        "sections_left_out": 0,
        "pages": pages or {"absent": ...},
        "pages_left_out": 0,
    }


def _visited(run: Run, events: list[CourseEvent], everybody: set[str]) -> Figures:
    by_learner = run.learners(events)
    visits = sum(
        1
        for own in by_learner.values()
        for i, event in enumerate(own)
        if i == 0 or event.time_ms - own[i - 1].time_ms > 30 * MINUTE_MS
    )
    return {
        "learners": len(by_learner),
        "share": len(by_learner) / len(everybody),
        "visits": visits,
    }


def _sections(run: Run, inside: list[CourseEvent], everybody: set[str]) -> list[Figures]:
    names = {e.section for e in inside if e.section}
    by_learner = run.learners(e for e in inside if e.section)
    after: dict[str, list[int]] = {name: [] for name in names}
    for own in by_learner.values():
        for name in {e.section for e in own}:
            first = min(e.time_ms for e in own if e.section == name)
            after[name].append(first - own[0].time_ms)
    order = sorted(
        names, key=lambda name: (statistics.median_low(after[name]), -len(after[name]), name)
    )
    known_ms = min(run.as_of_ms, _start_ms(run, run.end) - 1)
    recent = {e.account for e in run.events if known_ms - 14 * DAY_MS < e.time_ms <= known_ms}
    furthest = {
        account: max(order.index(e.section) for e in own) for account, own in by_learner.items()
    }
    return [
        {
            "name": name,
            **_visited(run, [e for e in inside if e.section == name], everybody),
            "reached": sum(1 for last in furthest.values() if last >= place),
            "stopped": sum(1 for a, last in furthest.items() if last == place and a not in recent),
        }
        for place, name in enumerate(order)
    ]


def _start_ms(run: Run, date: dt.date) -> int:
    return run.calendar.end_ms("day", date - dt.timedelta(days=1))


def _since_start(run: Run, start: dt.date) -> Figures:
    first, end = run.weeks[0], run.end
    active: list[int | None] = []
    complete = []
    monday = start
    while monday < end:
        after = monday + dt.timedelta(days=7)
        own = {e.account for e in run.inside if monday <= run.date(e) < after}
        active.append(None if monday < first else len(own))
        end_ms = _start_ms(run, after)
        complete.append(end_ms <= run.as_of_ms and after <= end)
        monday = after
    before = {e.account for e in run.inside if run.date(e) < start}
    return {"before": len(before), "active": active, "complete": complete}


# --- videos ----------------------------------------------------------------------------------------------------

RANK = {"paused": 1, "completed": 2, "terminated": 3, "seeked": 4, "played": 5}


def _position(seconds: float | None) -> int | None:
    """Return a position in whole milliseconds; one that cannot be believed is none."""
    if seconds is None or not 0 <= seconds * 1000 <= LONGEST_S * 1000:
        return None
    return round(seconds * 1000)


def _videos(run: Run) -> Figures:
    names = {e.activity for e in run.events if e.activity and e.track == "video"}
    who = {name: {e.account for e in run.inside if e.activity == name} for name in names}
    order = sorted((n for n in names if who[n]), key=lambda name: (-len(who[name]), name))
    if not order:
        return {"absent": ...}
    told = [_video(run, name) for name in order]
    known = any(
        _position(seconds) is not None
        for e in run.events
        if e.activity in order and act(e) in RANK
        for seconds in (e.position_s, e.position_from_s)
    )
    return {"videos": told, "positions_known": known, "left_out": 0}


def _length(run: Run, name: str) -> int | None:
    of_video = [e for e in run.events if e.activity == name]
    told = [_position(e.length_s) for e in of_video]
    positions = [
        _position(seconds)
        for e in of_video
        if act(e) in RANK
        for seconds in (e.position_s, e.position_from_s)
    ]
    return max((x for x in told if x), default=None) or max(
        (x for x in positions if x is not None), default=None
    )


def _video(run: Run, name: str) -> Figures:
    length = _length(run, name)
    middles = [] if length is None else list(range(500, length, 1000))
    by_learner = run.learners(e for e in run.inside if e.activity == name)
    viewers = plays = completed = measured = segments = unclosed = 0
    viewers_at, views_at = [0] * len(middles), [0] * len(middles)
    watched, covered = [0] * 10, 0
    for own in by_learner.values():
        played = sum(1 for e in own if act(e) == "played")
        viewers, plays = viewers + (played > 0), plays + played
        completed += played > 0 and any(act(e) == "completed" or e.completion for e in own)
        known, open_ended = _played_segments(own, length)
        segments, unclosed = segments + len(known), unclosed + open_ended
        times = [sum(1 for a, b in known if a <= middle < b) for middle in middles]
        views_at = [a + b for a, b in zip(views_at, times, strict=True)]
        viewers_at = [a + (b > 0) for a, b in zip(viewers_at, times, strict=True)]
        if known:
            seen = sum(1 for n in times if n)
            measured, covered = measured + 1, covered + seen
            if middles:
                watched[min(10 * seen // len(middles), 9)] += 1
    return {
        "name": name,
        "length_s": None if length is None else length / 1000,
        "viewers": viewers,
        "plays": plays,
        "completed": completed,
        "completion": completed / viewers if viewers else None,
        "measured": measured,
        "segments": segments,
        "unclosed": unclosed,
        "watched_share": covered / (measured * len(middles)) if measured and middles else None,
        "watched": watched,
        "viewers_at": viewers_at,
        "views_at": views_at,
        **_stretches(viewers_at, views_at),
    }


def _played_segments(
    events: list[CourseEvent], length: int | None
) -> tuple[list[tuple[int, int]], int]:
    """Return the played segments of one learner and video in milliseconds, and how many have no known end."""

    def rank(event: CourseEvent) -> tuple[int, ...]:
        at, begun = _position(event.position_s), _position(event.position_from_s)
        none_first = (-1 if at is None else at, -1 if begun is None else begun)
        return (event.time_ms, RANK[str(act(event))], *none_first)

    player = _Player(length)
    for event in sorted((e for e in events if act(e) in RANK), key=rank):
        if act(event) != "completed" or _position(event.position_s) is not None:
            player.step(event)
    return player.segments, player.unclosed + (player.opened is not None and player.sure)


class _Player:
    """What is known of a player from one learner's events.

    ``opened`` is where and when a segment has begun; ``sure`` says whether the video certainly plays since then.
    """

    def __init__(self, length: int | None) -> None:
        self.length, self.segments, self.unclosed = length, [], 0
        self.opened: tuple[int, int] | None = None
        self.sure = False

    def step(self, event: CourseEvent) -> None:
        kind, here, was_open = act(event), _position(event.position_s), self.opened is not None
        end = _position(event.position_from_s) if kind == "seeked" else here
        closed = self.close(end, event.time_ms)
        if kind == "played":
            self.sure = True
        elif kind == "completed" and closed:
            self.sure = False
        elif kind != "seeked" or not was_open:
            return
        if here is None:
            self.unclosed += self.sure
        else:
            self.opened = (here, event.time_ms)

    def close(self, end: int | None, at: int) -> bool:
        """End the segment that is open, if there is one, and say whether it is a known one."""
        if self.opened is None:
            return False
        (start, since), self.opened = self.opened, None
        if end is not None and self.length is not None:
            start, end, passed = min(start, self.length), min(end, self.length), at - since
            can_have_played = 0 <= end - start <= 4 * passed + 5_000
            if can_have_played and passed <= 4 * (self.length - start) + 5_000:
                self.segments.append((start, end))
                return True
        self.unclosed += self.sure
        return False


def _stretches(viewers: list[int], views: list[int]) -> Figures:
    most = max(viewers, default=0)

    def runs(chosen: list[bool]) -> list[list[int]]:
        found: list[list[int]] = []
        for second, is_chosen in enumerate(chosen):
            if is_chosen and second and chosen[second - 1]:
                found[-1][1] = second + 1
            elif is_chosen:
                found.append([second, second + 1])
        return [one for one in found if one[1] - one[0] >= 5]

    skipped = runs([2 * n < most for n in viewers])
    rewatched = runs([b > 0 and 4 * b >= 5 * a for a, b in zip(viewers, views, strict=True)])
    left_at = None
    for second in range(len(viewers)):
        if most and all(3 * n < 2 * most for n in viewers[second:]):
            left_at = second
            break
    return {
        "skipped": [one for one in skipped if one[1] < len(viewers)],
        "rewatched": rewatched,
        "left_at": left_at,
    }


# --- problems --------------------------------------------------------------------------------------------------


def _problems(run: Run) -> Figures:
    tracked = {e.activity for e in run.events if e.activity and e.track == "problem"}
    answers = [e for e in run.inside if act(e) == "answered" and e.activity in tracked]
    names = {e.activity for e in answers}
    who = {name: {e.account for e in run.inside if e.activity == name} for name in names}
    order = sorted(names, key=lambda name: (-len(who[name]), name))
    if not order:
        return {"absent": ...}
    told = [_problem(run, name, [e for e in answers if e.activity == name]) for name in order]
    return {"problems": told, "left_out": 0}


def _attempts(own: list[CourseEvent]) -> list[bool | None]:
    """Return the result of each attempt; answers of one instant are one, and one that is wrong makes it wrong."""
    results = []
    for at in sorted({e.time_ms for e in own}):
        known = {e.success for e in own if e.time_ms == at}
        results.append(False if False in known else True if True in known else None)
    return results


def _problem(run: Run, name: str, answers: list[CourseEvent]) -> Figures:
    tries = {who: _attempts(own) for who, own in run.learners(answers).items()}
    first = [results[0] for results in tries.values() if results[0] is not None]
    known = [results for results in tries.values() if any(r is not None for r in results)]
    right = [results.index(True) + 1 for results in known if True in results]
    took = [
        e.duration_ms for e in answers if e.duration_ms is not None and e.duration_ms <= 24 * DAY_MS
    ]
    scored = run.learners(e for e in answers if e.score is not None).values()
    scores = [max(e.score for e in own if e.time_ms == own[-1].time_ms) for own in scored]
    given = [e for e in answers if e.answer]
    texts = {e.answer for e in given}
    told = [
        {
            "answer": text,
            "count": sum(e.answer == text for e in given),
            "share": sum(e.answer == text for e in given) / len(given),
            "right": sum(e.answer == text and e.success is True for e in given),
            "wrong": sum(e.answer == text and e.success is False for e in given),
        }
        for text in texts
    ]
    return {
        "name": name,
        "learners": len(tries),
        "attempts": sum(map(len, tries.values())),
        "first_known": len(first),
        "first_right": sum(first),
        "first_share": sum(first) / len(first) if first else None,
        "known": len(known),
        "ever_right": len(right),
        "ever_share": len(right) / len(known) if known else None,
        "mean_to_right": sum(right) / len(right) if right else None,
        "duration_ms": statistics.median_low(took) if took else None,
        "score": sum(scores) / len(scores) if scores else None,
        "answers": sorted(told, key=lambda one: (-one["count"], one["answer"])),
        "other_answers": 0,
    }


# --- discussion and grades -------------------------------------------------------------------------------------


def _discussion(run: Run) -> Figures:
    posts = [e for e in run.inside if act(e) == "posted"]
    readers = {e.account for e in run.inside if act(e) == "read"}
    if not posts and not readers:
        return {"absent": ...}
    weeks = range(len(run.weeks))
    by_week = [[e for e in posts if run.week(e) == week] for week in weeks]
    return {
        "posters": len({e.account for e in posts}) or None,
        "readers": len(readers) or None,
        "posts": list(map(len, by_week)) if posts else None,
        "posters_by_week": [len({e.account for e in own}) for own in by_week] if posts else None,
    }


def _grades(run: Run) -> Figures:
    grades, progress = [], []
    completed = passed = failed = 0
    for own in run.learners(e for e in run.events if run.date(e) < run.end).values():
        about = [e for e in own if e.standing not in ("none", "enrolled", "left")]
        graded = [
            (e.time_ms, e.score)
            for e in about
            if e.standing != "progressed" and e.score is not None
        ]
        shares = [(e.time_ms, e.progress) for e in about if e.progress is not None]
        verdicts = [
            (e.time_ms, e.standing == "failed") for e in about if e.standing in ("passed", "failed")
        ]
        grades += [max(graded)[1]] if graded else []
        progress += [max(shares)[1]] if shares else []
        completed += any(e.standing == "completed" for e in about)
        passed += bool(verdicts) and not max(verdicts)[1]
        failed += bool(verdicts) and max(verdicts)[1]
    if not (grades or progress or completed or passed or failed):
        return {"absent": ...}
    top = next((t for t in (1.0, 100.0) if max(grades, default=0) <= t), max(grades, default=0))
    judged = passed + failed
    return {
        "completed": completed or None,
        "passed": passed if judged else None,
        "failed": failed if judged else None,
        "graded": len(grades),
        "grades": _tenths(grades, top),
        "top": top,
        "median": statistics.median(grades) if grades else None,
        "progress": _tenths(progress, 1.0),
        "mean_progress": sum(progress) / len(progress) if progress else None,
    }


def _tenths(values: list[float], top: float) -> list[int]:
    places = [min(max(int(value / top * 10 // 1), 0), 9) for value in values]
    return [places.count(place) for place in range(10)]
