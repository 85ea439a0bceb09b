"""Small loads for the tests of the data directory: events, what is asked of them, and what a directory holds."""

import shutil
from pathlib import Path
from typing import Any

import homeroom as hr
from tests.cohorts.engine import key_file
from tests.oracle import Event, table

__all__ = ["FIRST_MS", "QUESTIONS", "answers", "copied", "events", "files_of", "load"]

FIRST_MS = 1_700_000_000_000
QUESTIONS = (
    hr.Retention(interval="day"),
    hr.Retention(interval="week", mode="recurring", breakdown="course"),
    hr.Lifecycle(interval="day", filters=(hr.Condition("verb", ("played",)),)),
    hr.Stickiness(interval="hour", from_=None, filters=(hr.Condition("activity", ("film 1",)),)),
    hr.Active(breakdown="country"),
)


def events(count: int, tag: str = "", start: int = 0) -> list[Event]:
    """Make events of some learners; those of one tag have ids of their own."""
    return [
        Event(
            account=f"learner {tag}{i % 17}",
            time_ms=FIRST_MS + i * 7_000_000,
            verb=("played", "posted", "completed")[i % 3],
            activity=(None, "film 1", "film 2")[i % 3],
            course=("algebra", "biology", None)[i % 3],
            id=f"{tag}{i}" if i % 4 else None,
            score=0.5 if i % 5 == 0 else None,
            attributes={"country": ("DE", "FR")[i % 2]} if i % 2 else {},
        )
        for i in range(start, start + count)
    ]


def load(directory: Path, given: list[Event], **options: Any) -> Any:
    """Load events under the key of the test run."""
    return hr.load(directory, table(given), **{"key": key_file(), **options})


def answers(data: Any) -> list[dict[str, Any]]:
    """Return the fingerprint and all answers of a data set, without what its last read says of itself."""
    said = [data.ask(question).to_json() for question in QUESTIONS]
    for one in said:
        one["source"] = {name: one["source"][name] for name in ("learners", "last_event")}
    return [{"fingerprint": data.fingerprint(), "zone": data.timezone}, *said]


def copied(directory: Path, name: str) -> Path:
    """Copy a directory to a new place beside it."""
    place = directory.with_name(name)
    shutil.copytree(directory, place)
    return place


def files_of(directory: Path) -> dict[str, bytes]:
    """Return every file of a directory, but for the lock, with what is in it."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
