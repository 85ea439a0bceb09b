"""How a cache is, for metrics and for whoever runs the node."""

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["CacheStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheStatus:
    """How the cache of a node is.

    Parameters
    ----------
    answers : by tier, kind of question and standing, how many were told since the start
    requests : by tier beside the process and outcome, how many were made
    entries, size_bytes : kept in the process now
    fills, evictions, expired, removed : answers that came into it, and that left it, by why
    age_ms : how long ago the oldest was made of those that have proved themselves; None if there is none
    under_way : answers that are being looked for or made
    cut_off : by tier beside the process, whether nobody waits for it
    troubles : what is wrong, in words
    """

    answers: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    requests: Mapping[tuple[str, str], int] = field(default_factory=dict)
    entries: int = 0
    size_bytes: int = 0
    fills: int = 0
    evictions: int = 0
    expired: int = 0
    removed: int = 0
    age_ms: int | None = None
    under_way: int = 0
    cut_off: Mapping[str, bool] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return it as JSON-ready data, by tier: what was told, and what came of requests."""
        told: dict[str, int] = {}
        for (tier, _kind, standing), number in self.answers.items():
            told[f"{tier} {standing}"] = told.get(f"{tier} {standing}", 0) + number
        return {
            "told": told,
            "requests": {f"{tier} {outcome}": n for (tier, outcome), n in self.requests.items()},
            "entries": self.entries,
            "bytes": self.size_bytes,
            "evictions": self.evictions,
            "under_way": self.under_way,
            "cut_off": [tier for tier, is_cut_off in self.cut_off.items() if is_cut_off],
            "troubles": list(self.troubles),
        }
