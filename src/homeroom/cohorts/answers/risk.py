"""The answer to who is at risk: numbers by course run, their trend, and the list with a reason in words for each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.cohorts.answers.answer import Answer, Counts, Flags, nullable, number
from homeroom.cohorts.answers.belonging import SUPPRESSED, shown_counts, told_count
from homeroom.cohorts.questions.risk import AtRisk
from homeroom.events.model import TRACKS, Float64s, Int32s, UInt8s, UInt64s
from homeroom.state.zones import date_of

__all__ = ["AtRiskAnswer", "CourseRisk", "Known", "RiskList", "RiskTrend", "guarded"]

_DID: Mapping[str, str] = {
    "video": "watched videos",
    "problem": "tried problems",
    "reading": "read",
    "forum": "was in the forum",
    "live": "came to live sessions",
    "navigation": "looked around",
}
"""What is said of a learner who was active in a track; the others say nothing that people would name."""
_NOT_DID: Mapping[str, str] = {"problem": "no problem tried", "video": "no video watched"}


def guarded(counts: Counts, totals: Counts, whole: int, bound: int) -> tuple[Counts, int]:
    """Return counts, int64 of shape (n,), and their sum ``whole``, without what is too small to be told.

    A count is left out (`SUPPRESSED`) if it, or what is left of its total, is from 1 up to ``bound``, excluded; and
    further ones, the smallest first, until what is left out cannot be told from the sum of all, or else that sum.
    """
    if not bound:
        return counts, whole
    told = shown_counts(counts, totals, bound)
    hidden = told == SUPPRESSED
    for place in np.argsort(counts, kind="stable"):
        if not hidden.any() or (hidden.sum() > 1 and counts[hidden].sum() >= bound):
            break
        hidden[place] = True
    told = np.where(hidden, SUPPRESSED, counts)
    told_whole = int(shown_counts(np.array([whole]), int(totals.sum()), bound)[0])
    if hidden.any() and (hidden.sum() == 1 or counts[hidden].sum() < bound):
        told_whole = SUPPRESSED
    return told, told_whole


@dataclass(frozen=True, slots=True)
class Known:
    """What the data know, without which a condition cannot be looked at.

    ``enrolments`` who enrolled and left, ``outcomes`` who passed and failed, ``completions`` who completed; ``tracks``
    which of those beyond the front page.
    """

    enrolments: bool
    outcomes: bool
    completions: bool
    tracks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CourseRisk:
    """Of one course run the current enrolments and those at risk; `SUPPRESSED` where too few to tell."""

    course: str
    current: int
    at_risk: int

    def to_json(self) -> dict[str, Any]:
        """Return the counts as JSON-ready data."""
        return {
            "course": self.course,
            "current": self.current,
            "at_risk": told_count(self.at_risk),
            "share": number(_share(self.at_risk, self.current)),
        }


@dataclass(frozen=True, slots=True, eq=False)
class RiskTrend:
    """Current enrolments and those at risk at the ends of weeks.

    ``ends`` the last date of each week (of the last one the date that is asked about); ``current``, ``at_risk`` int64
    of shape (1 + courses, weeks), row 0 for all course runs together; ``complete`` which weeks have ended.
    """

    ends: tuple[str, ...]
    courses: tuple[str, ...]
    current: Counts
    at_risk: Counts
    complete: Flags

    @property
    def shares(self) -> npt.NDArray[np.float64]:
        """Share at risk, float64 of the shape of ``at_risk``; NaN where nobody is current or too few to tell."""
        told = np.where(self.at_risk == SUPPRESSED, np.nan, self.at_risk)
        return told / np.where(self.current > 0, self.current, np.nan)

    def to_json(self) -> dict[str, Any]:
        """Return the trend as JSON-ready data."""
        rows = [
            {
                "current": current,
                "at_risk": [told_count(count) for count in at_risk],
            }
            for current, at_risk in zip(self.current.tolist(), self.at_risk.tolist(), strict=True)
        ]
        courses = [
            {"course": name, **row} for name, row in zip(self.courses, rows[1:], strict=True)
        ]
        return {
            "ends": list(self.ends),
            "complete": self.complete.tolist(),
            **rows[0],
            "courses": courses,
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RiskList:
    """Enrolments at risk, in the order asked for; columns of length n.

    Parameters
    ----------
    key_hi, key_lo : uint64, the learner
    course : int32 places in ``courses``
    enrolled_day, first_day, last_day : int32 local days; ``enrolled_day`` -1 where no event says it
    active_days : int32, days with any activity in the course run
    tracks : uint8, bit t for activity in track t of ``TRACKS``; ``offered`` the same by course, for anybody's
    failed : bool, the latest outcome is that the learner failed
    grade, progress : float64, NaN where not known
    day : the day that is asked about
    """

    key_hi: UInt64s
    key_lo: UInt64s
    course: Int32s
    courses: Sequence[str]
    enrolled_day: Int32s
    first_day: Int32s
    last_day: Int32s
    active_days: Int32s
    tracks: UInt8s
    offered: UInt8s
    failed: Flags
    grade: Float64s
    progress: Float64s
    day: int
    known: Known

    def __len__(self) -> int:
        """Return the number of enrolments."""
        return len(self.key_hi)

    def learners(self) -> list[str]:
        """Return the pseudonyms, 32 hexadecimal digits each."""
        pairs = zip(self.key_hi.tolist(), self.key_lo.tolist(), strict=True)
        return [f"{hi:016x}{lo:016x}" for hi, lo in pairs]

    def course_names(self) -> list[str]:
        """Return the course run of each."""
        return [self.courses[code] for code in self.course.tolist()]

    def tracks_of(self) -> list[list[str]]:
        """Return the tracks that each was active in."""
        return [_named(bits) for bits in self.tracks.tolist()]

    def at(self, places: npt.NDArray[np.int64]) -> "RiskList":
        """Return the enrolments at these places of the list."""
        columns = {
            one.name: getattr(self, one.name)[places]
            for one in fields(self)
            if one.name not in ("courses", "offered", "day", "known")
        }
        return replace(self, **columns)

    def reasons(self) -> list[str]:
        """Say in words why each is at risk."""
        began = np.where(self.enrolled_day >= 0, self.enrolled_day, self.first_day)
        offered = self.offered[self.course] if len(self) else self.tracks
        columns = (began, self.enrolled_day >= 0, self.last_day, self.active_days, self.failed)
        rows = zip(*(column.tolist() for column in (*columns, self.tracks, offered)), strict=True)
        return [
            ", ".join(
                part
                for part in (
                    f"{'enrolled on' if is_known else 'first active on'} {date_of(start)}",
                    f"last active {_days(self.day - last)} ago after {_days(days, 'active ')}",
                    _did(done, others),
                    self._outcome(failed),
                )
                if part
            )
            for start, is_known, last, days, failed, done, others in rows
        ]

    def _outcome(self, failed: bool) -> str:  # noqa: FBT001 - a value of the data
        if failed:
            return "failed"
        unknown = (("passed", self.known.outcomes), ("completed", self.known.completions))
        missed = [word for word, is_known in unknown if is_known]
        return f"not {' or '.join(missed)}" if missed else ""

    def columns(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        """Return the list as columns of a table."""
        known = self.enrolled_day >= 0
        enrolled = [
            date_of(d) if k else None for d, k in zip(self.enrolled_day, known, strict=True)
        ]
        return {
            "learner": pa.array(self.learners(), pa.string()),
            "course": pa.array(self.course_names(), pa.string()),
            "enrolled_on": pa.array(enrolled, pa.date32()),
            "last_active": pa.array([date_of(day) for day in self.last_day], pa.date32()),
            "quiet_days": pa.array(self.day - self.last_day, pa.int32()),
            "active_days": self.active_days,
            "tracks": pa.array([" ".join(one) for one in self.tracks_of()], pa.string()),
            "grade": nullable(self.grade),
            "progress": nullable(self.progress),
            "reason": pa.array(self.reasons(), pa.string()),
        }


def _days(count: int, kind: str = "") -> str:
    return f"{count} {kind}day{'' if count == 1 else 's'}"


def _did(done: int, offered: int) -> str:
    """Say what was done, and which of the main things that others did in the course run was not."""
    said = [words for track, words in _DID.items() if done >> TRACKS.index(track) & 1]
    missed = [
        words for track, words in _NOT_DID.items() if (offered & ~done) >> TRACKS.index(track) & 1
    ]
    if len(said) > 1 and "navigation" in _named(done):
        said = said[:-1]  # whoever did more has looked around too
    did = " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)
    return " but ".join(part for part in (did, missed[0] if missed else "") if part)


def _named(bits: int) -> list[str]:
    return [track for code, track in enumerate(TRACKS) if bits >> code & 1]


@dataclass(frozen=True, kw_only=True)
class AtRiskAnswer(Answer):
    """Enrolments at risk at the end of a date.

    Parameters
    ----------
    date : the local date
    current, at_risk : of all course runs that are asked about; `SUPPRESSED` (-1) where too few to tell
    courses : by course run, the one with most at risk first
    trend : None if no weeks were asked for
    shown : the first enrolments of the list
    known : what the data know
    everyone : gives the whole list; raises `QuestionError` if the data have changed since
    names : issuer and account by pseudonym, where whoever asked brought a file of names
    """

    question: AtRisk
    date: str
    current: int
    at_risk: int
    courses: tuple[CourseRisk, ...]
    trend: RiskTrend | None
    shown: RiskList
    known: Known
    everyone: Callable[[], RiskList] = field(repr=False, compare=False)
    names: Mapping[str, tuple[str, str]] | None = None

    @property
    def share(self) -> float:
        """Share of current enrolments that are at risk; NaN where there are none or too few to tell."""
        return _share(self.at_risk, self.current)

    def named(self, names: Mapping[str, tuple[str, str]]) -> "AtRiskAnswer":
        """Return the answer with the names of learners."""
        return replace(self, names=names)

    def guarded_parts(
        self, parts: tuple[tuple[str, "Answer"], ...]
    ) -> tuple[tuple[str, "Answer"], ...]:
        """Return parts without the counts that the sum of all would give away."""
        bound, ours = (
            self.question.suppress_below,
            [p for _, p in parts if isinstance(p, AtRiskAnswer)],
        )
        if not bound or self.at_risk == SUPPRESSED or len(ours) < len(parts):
            return parts
        counts = np.array([part.at_risk for part in ours], np.int64)
        hidden = counts == SUPPRESSED
        rest = self.at_risk - int(counts[~hidden].sum())
        for place in np.argsort(counts, kind="stable"):
            if not hidden.any() or (hidden.sum() > 1 and rest >= bound):
                break
            if not hidden[place]:
                hidden[place] = True
                rest += int(counts[place])
        return tuple(
            (value, part.untold() if hide else part)
            for (value, _), part, hide in zip(parts, ours, hidden.tolist(), strict=True)
        )

    def untold(self) -> "AtRiskAnswer":
        """Return the answer without any count of those at risk."""
        trend = self.trend
        if trend is not None:
            trend = replace(trend, at_risk=np.full_like(trend.at_risk, SUPPRESSED))
        nobody = self.shown.at(np.empty(0, np.int64))
        return replace(
            self,
            at_risk=SUPPRESSED,
            courses=tuple(replace(one, at_risk=SUPPRESSED) for one in self.courses),
            trend=trend,
            shown=nobody,
            everyone=lambda: nobody,
        )

    def figures(self) -> dict[str, Any]:
        """Return the numbers and the shown part of the list as JSON-ready data."""
        question = self.question
        out = {
            "date": self.date,
            "quiet_days": question.quiet_days,
            "beyond": list(question.beyond),
            "unless": list(question.unless),
            "current": self.current,
            "at_risk": told_count(self.at_risk),
            "share": number(self.share),
            "courses": [course.to_json() for course in self.courses],
        }
        if self.trend is not None:
            out["trend"] = self.trend.to_json()
        return {**out, "enrolments": self._listed()}

    def _listed(self) -> list[dict[str, Any]]:
        table = pa.table(self.shown.columns()).to_pylist()
        tracks = self.shown.tracks_of()
        out = []
        for row, did in zip(table, tracks, strict=True):
            one = {name: str(v) if name in _DATES and v else v for name, v in row.items()}
            one["tracks"] = did
            if self.names is not None and row["learner"] in self.names:
                one["issuer"], one["account"] = self.names[row["learner"]]
            out.append(one)
        return out

    def _table(self) -> dict[str, Sequence[Any] | npt.NDArray[Any]]:
        rows = self.everyone()
        table = rows.columns()
        if self.names is not None:
            nobody = (None, None)
            named = [self.names.get(one, nobody) for one in rows.learners()]
            table["issuer"] = pa.array([issuer for issuer, _ in named], pa.string())
            table["account"] = pa.array([account for _, account in named], pa.string())
        return table


_DATES = ("enrolled_on", "last_active")


def _share(at_risk: int, current: int) -> float:
    return at_risk / current if current > 0 and at_risk != SUPPRESSED else float("nan")
