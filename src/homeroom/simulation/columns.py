"""Events become Arrow columns, named as in the event model.

Texts of few values are dictionaries, so a batch costs little more than its accounts and ids.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from homeroom.simulation.curriculum import (
    ACTIVITIES,
    COUNTRIES,
    ISSUER,
    PLATFORMS,
    VERBS,
    activity_of,
    course_name,
)
from homeroom.simulation.results import results
from homeroom.simulation.sessions import Events
from homeroom.simulation.texts import Texts

__all__ = ["SCHEMA", "Columns"]

_CODED: Final = pa.dictionary(pa.int32(), pa.string())

SCHEMA: Final = pa.schema(
    {
        "account": pa.string(),
        "issuer": _CODED,
        "time": pa.timestamp("ms", tz="UTC"),
        "verb": _CODED,
        "activity": _CODED,
        "course": _CODED,
        "id": pa.string(),
        "score": pa.float64(),
        "success": pa.bool_(),
        "completion": pa.bool_(),
        "progress": pa.float64(),
        "country": _CODED,
        "platform": _CODED,
    }
)
"""Columns of a generated batch; account, issuer, time, verb, activity, course, id, country, platform have no nulls."""

_VERBS: Final = list(dict.fromkeys(VERBS))
"""Two kinds share a verb, and a dictionary that holds a value twice would be written out as plain text."""
_VERB_OF_KIND: Final = np.array([_VERBS.index(verb) for verb in VERBS], np.int32)


class Columns:
    """Makes record batches of the events of one world."""

    def __init__(self, texts: Texts, courses: int) -> None:
        self._texts = texts
        self._activities = pa.array([activity_of(n).iri for n in range(courses * ACTIVITIES)])
        self._courses = pa.array([course_name(course) for course in range(courses)])
        self._results = {
            name: pa.array([getattr(result, name) for result in results()], SCHEMA.field(name).type)
            for name in ("score", "success", "completion", "progress")
        }

    def batch(self, events: Events) -> pa.RecordBatch:
        """Return events as a record batch of `SCHEMA`."""
        activity = events["activity"]
        result = pa.array(events["result"])
        columns = [
            _strings(self._texts.accounts(events)),
            _coded(np.zeros(len(events), np.int32), [ISSUER]),
            pa.array(events["time_ms"]).cast(SCHEMA.field("time").type),
            _coded(_VERB_OF_KIND[events["kind"]], _VERBS),
            _coded(activity, self._activities),
            _coded(activity // ACTIVITIES, self._courses),
            _strings(self._texts.ids(events)),
            *(
                self._results[name].take(result)
                for name in ("score", "success", "completion", "progress")
            ),
            _coded(events["country"], [code for code, _, _ in COUNTRIES]),
            _coded(events["platform"], PLATFORMS),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _strings(texts: npt.NDArray[np.uint8]) -> pa.Array:
    """Wrap texts of one width without a copy."""
    rows, width = texts.shape
    offsets = np.arange(rows + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(texts))


def _coded(codes: npt.NDArray[Any], values: Sequence[str] | pa.Array) -> pa.Array:
    dictionary = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.DictionaryArray.from_arrays(codes.astype(np.int32), dictionary)
