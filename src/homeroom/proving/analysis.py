"""What is asked of all learners over and over, and what counts as analysed.

A *pass* answers the whole analysis set once: the retention triangle, the lifecycle, who is at risk, and which of twenty
cohorts each learner is in. A learner counts once for every full pass that included it, that is, that had it in all four
parts. A pass that ends with a part missing, late or wrong counts nobody. Passes follow each other with no pause, on the
same machine that takes the events; a learner who is counted in two passes was analysed twice, from two states.

A part counts as many learners as the state held when that part was asked, not as many as it names: a triangle leaves
nobody out, but somebody who never came is in no cell of it.
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["COHORTS", "PARTS", "QUESTIONS", "Passes", "cohort_rules"]

COHORTS: Final = 20
QUESTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "triangle": {"question": "retention", "interval": "week"},
    "lifecycle": {"question": "lifecycle", "interval": "week"},
    "at risk": {"question": "at-risk", "weeks": 0},
}
"""What is asked in a pass, by its name; the cohorts are beside them, as a node keeps these.

Who is at risk is asked of now: how it was at the ends of earlier weeks is another question, to history.
"""
PARTS: Final = (*QUESTIONS, "cohorts")


def cohort_rules(count: int = COHORTS) -> dict[str, dict[str, Any]]:
    """Return definitions by name: of days of activity, of silence, and of first days, in turn."""
    rules: dict[str, dict[str, Any]] = {}
    for number in range(count):
        kind = number % 4
        if kind < 2:
            days = {"did": "any", "at_least": 1 + number % 5, "unit": "days"}
            rule: dict[str, Any] = days | {"within": f"{7 + 3 * number}d"}
        elif kind == 2:
            rule = {"stopped": "any", "quiet": f"{5 + 2 * number}d"}
        else:
            rule = {"first": "any", "within": f"{10 + 3 * number}d"}
        rules[f"cohort-{number:02d}"] = rule
    return rules


class Passes:
    """Counts passes, and the learners that were analysed in them."""

    def __init__(self) -> None:
        self.learners = 0
        self.whole = 0
        self.broken = 0
        self.part_s: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        self._parts: dict[str, int | None] = {}

    def answered(self, part: str, learners: int, seconds: float) -> None:
        """Take the answer to a part, in good time and not found wrong."""
        assert part in PARTS, part
        self._parts[part] = learners
        self.part_s[part] += seconds

    def failed(self, part: str) -> None:
        """Take that a part failed, was late or wrong."""
        assert part in PARTS, part
        self._parts[part] = None

    def end(self) -> int:
        """End a pass; return how many learners it analysed."""
        counts = [self._parts.get(part) for part in PARTS]
        self._parts = {}
        analysed = [count for count in counts if count is not None]
        if len(analysed) < len(PARTS):
            self.broken += 1
            return 0
        self.whole += 1
        self.learners += min(analysed)
        return min(analysed)

    def per_minute(self, seconds: float, lost: int = 0) -> float | None:
        """Return how many learners were analysed a minute, but for those lost; None where no time has passed."""
        return (self.learners - lost) * 60 / seconds if seconds > 0 else None
