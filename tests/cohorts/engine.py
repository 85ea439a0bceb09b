"""The engine as the tests of answers drive it: events in, figures out, through the public interface alone."""

import functools
import importlib
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from homeroom.cohorts.questions import Question
from tests.oracle import Event, answer, table
from tests.oracle.compare import differences

__all__ = ["hr", "key_file", "misses", "needs_reading", "read"]

hr: Any = importlib.import_module("homeroom")
needs_reading = pytest.mark.skipif(
    not hasattr(hr, "read"), reason="homeroom.read is not there: nothing can be asked of the engine"
)


@functools.cache
def key_file() -> str:
    """Return a key file of this test run: the same key every time, so that a failure can be replayed."""
    path = Path(tempfile.mkdtemp(prefix="homeroom-test-")) / "pseudonym.key"
    path.touch(mode=0o600)
    path.write_text(bytes(range(32)).hex())
    return str(path)


def read(inputs: Iterable[Event] | Sequence[pa.Table], zone: str = "UTC") -> Any:
    """Read events (as one table), or tables, with `homeroom.read` under the key of the test run."""
    given = list(inputs)
    tables = given if given and isinstance(given[0], pa.Table) else [table(given)]
    return hr.read(*tables, timezone=zone, key=key_file())


def misses(data: Any, events: Sequence[Event], question: Question, zone: str) -> list[str]:
    """Return where the engine's answer differs from the oracle's; nothing if they are the same."""
    return differences(answer(events, question, zone), data.ask(question).to_json())
