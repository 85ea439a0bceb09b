"""An answer as JSON: what it says of all data stands at its end, so that it can be told again with another end.

An answer that was kept may still hold though more has come, of other course runs. Then up to when the data are known,
and what was read of them, is what it is now: that is its *frame* (`homeroom.traffic.caching.judging`).
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from homeroom.cohorts.answers import Answer, Source
from homeroom.serve.access import Caller
from homeroom.serve.scoping import tells_source, told

__all__ = ["answer_as_json", "frame_as_json"]


def answer_as_json(caller: Caller, written: Mapping[str, Any], answer: Answer) -> bytes:
    """Return what a caller is told of an answer to the question that is written."""
    said = told(answer, caller)
    if "definitions" not in written:
        # The question is told again, and what it names is not: lists hold learners, and not everybody may see rules.
        said["question"].pop("definitions", None)
    for name in ("as_of", "source"):
        said.pop(name, None)
    return msgspec.json.encode(said)[:-1] + frame_as_json(caller, answer.as_of, answer.source)


def frame_as_json(caller: Caller, as_of: str | None, source: Source) -> bytes:
    """Return the end of what a caller is told: up to when all data are known, and what was read of them."""
    said: dict[str, Any] = {"as_of": as_of}
    if tells_source(caller):
        said["source"] = source.to_json()
    return b"," + msgspec.json.encode(said)[1:]
