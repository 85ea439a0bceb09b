"""The learners of a run: their history as files, and the events that they go on to make, each with what is true of it.

History comes from the generator and is loaded as anybody loads files. It ends yesterday, so that what arrives while a
run lasts is of today. What arrives is of learners drawn alike from all, in batches as platforms send them; every event
is a video played, because the truth then changes in a way that three lines can tell.
"""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.parquet as pq

from homeroom.analyzer import load
from homeroom.events.model import Int64s
from homeroom.events.sent import Form, SentBatch
from homeroom.provers.truth import Truth
from homeroom.simulation.columns import Columns
from homeroom.simulation.curriculum import ISSUER, course_name
from homeroom.simulation.sessions import EVENT
from homeroom.simulation.world import LearnerWorld, Population

__all__ = ["COURSES", "Arriving", "History", "arriving", "disk_bytes", "make_history"]

COURSES: Final = 12
_PLAYED: Final = "https://w3id.org/xapi/video/verbs/played"
_EVENT_BYTES: Final = 120
"""Of an event as Parquet, as a segment, and in the snapshot, together."""
_LEARNER_BYTES: Final = 400
_ALWAYS_BYTES: Final = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Learners that are loaded.

    Attributes
    ----------
    world, population : who they are
    truth : what is true of their history
    today : the date after it
    """

    world: LearnerWorld
    population: Population
    truth: Truth
    today: dt.date


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """A batch that is to arrive, and whose events it has in which course runs (int64 each)."""

    batch: SentBatch
    learner: Int64s
    course: Int64s


def disk_bytes(learners: int, events: float) -> int:
    """Return about how much a run needs on the disk."""
    return round(events * _EVENT_BYTES + learners * _LEARNER_BYTES) + _ALWAYS_BYTES


def make_history(
    place: Path, world: LearnerWorld, is_stopped: Callable[[], bool] = lambda: False
) -> History | None:
    """Make the learners' history and load it into a data directory; None if it is stopped meanwhile."""
    population = world.population()
    columns = Columns(population.texts(), world.courses)
    truth = Truth(world.learners, world.courses, world.days)
    parts = place.with_name(f"{place.name}-files")
    parts.mkdir(parents=True)
    files: list[str] = []
    for number, block in enumerate(population.blocks()):
        if is_stopped():
            return None
        truth.add_history(block.events, world.start_ms)
        files.append(str(parts / f"{number:05d}.parquet"))
        table = columns.batch(block.events)
        with pq.ParquetWriter(files[-1], table.schema, compression="zstd") as sink:
            sink.write_batch(table)
    load(place, *files)
    for file in files:
        Path(file).unlink()
    return History(
        world=world,
        population=population,
        truth=truth,
        today=world.start + dt.timedelta(days=world.days),
    )


def arriving(history: History, rng: np.random.Generator, batches: int, size: int) -> list[Arriving]:
    """Return batches of events of today, at its first hour, all different."""
    texts, found = history.population.texts(), []
    date = history.today.isoformat()
    for number in range(batches):
        events = np.zeros(size, EVENT)
        events["learner"] = rng.integers(0, history.world.learners, size)
        course = rng.integers(0, history.world.courses, size)
        accounts = texts.accounts(events)
        lines = [
            f'{{"account":"{accounts[n].tobytes().decode()}","issuer":"{ISSUER}","verb":"{_PLAYED}",'
            f'"time":"{date}T00:{number % 60:02d}:{n % 60:02d}.000Z","course":"{course_name(int(course[n]))}",'
            f'"id":"arriving-{number}-{n}"}}'
            for n in range(size)
        ]
        body = "\n".join(lines).encode()
        batch = SentBatch(
            batch_id=f"arriving-{number}",
            body=body,
            form=Form.NDJSON,
            digest=hashlib.sha256(body).digest(),
        )
        learner = events["learner"].astype(np.int64)
        found.append(Arriving(batch=batch, learner=learner, course=course.astype(np.int64)))
    return found
