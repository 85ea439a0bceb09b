"""What learners do, as far as a course report tells it apart: acts, and the verbs that mean them.

Platforms name the same act in a dozen ways; which verb means which act is data (``verbs.toml``). Verbs are few, so
each is looked up once, and an event's act is a look-up in a table of bytes.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from enum import IntEnum
from functools import cache
from importlib import resources
from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom.events.texts import sealed

__all__ = ["Act", "act_codes", "act_verbs"]

_FILE: Final = "verbs.toml"
_LAST_PART: Final = re.compile(r"[^/#\\]*$")


class Act(IntEnum):
    """An act; those from ``PAUSED`` to ``PLAYED`` move a video, in the order in which those of one instant count."""

    NONE = 0
    PAUSED = 1
    COMPLETED = 2
    TERMINATED = 3
    SEEKED = 4
    PLAYED = 5
    ANSWERED = 6
    POSTED = 7
    READ = 8
    ENROLLED = 9
    LEFT = 10


@cache
def act_verbs() -> Mapping[str, Act]:
    """Return the act of each verb of ``verbs.toml``, whole or as last part."""
    text = resources.files("homeroom.cohorts.course_report").joinpath(_FILE).read_text("utf-8")
    acts: dict[str, Act] = {}
    for name, verbs in tomllib.loads(text).items():
        for verb in verbs:
            assert verb not in acts, f"{verb} stands under two acts"
            acts[verb] = Act[name.upper()]
    return acts


def act_codes(verbs: Sequence[str]) -> npt.NDArray[np.uint8]:
    """Return the act of each verb by code, uint8 of shape (verbs + 1,), the absent verb first; read-only."""
    known = act_verbs()
    codes = np.zeros(len(verbs) + 1, np.uint8)
    for code, verb in enumerate(verbs):
        last = _LAST_PART.findall(verb)[0]
        codes[code + 1] = known.get(verb, known.get(last, Act.NONE))
    return sealed(codes)
