"""What a reader must know before believing a figure: it is not whole, it is old, or a region is behind."""

from typing import Final

from homeroom.cohorts.live import ToldAnswer
from homeroom.serve.pages.visits import Visit

__all__ = ["age_in_words", "notices"]

_BEHIND_S: Final = 30.0
"""A region that is further behind than this is named."""
_UNITS: Final = (("days", 86_400), ("hours", 3_600), ("minutes", 60))


def notices(visit: Visit, live: ToldAnswer) -> tuple[tuple[str, str], ...]:
    """Return what is to be said beside an answer: a class, and the words."""
    found: list[tuple[str, str]] = []
    if live.is_stale:
        found.append(("stale", visit.texts("notice.stale")))
    if not live.is_complete:
        found.append(("partial", visit.texts("notice.partial")))
    behind = {
        region: lag_s
        for region, lag_s in (live.freshness or {}).items()
        if lag_s is None or lag_s > _BEHIND_S
    }
    for region, lag_s in sorted(behind.items()):
        if lag_s is None:
            found.append(("partial", visit.texts("notice.unknown", region=region)))
        else:
            age = age_in_words(visit, lag_s)
            found.append(("partial", visit.texts("notice.behind", region=region, age=age)))
    return tuple(found)


def age_in_words(visit: Visit, seconds: float) -> str:
    """Return a span of time in words, in its largest unit of which there are two."""
    for unit, length_s in _UNITS:
        if seconds >= 2 * length_s:
            number = round(seconds / length_s)
            return visit.texts.count(f"age.{unit}", number)
    return visit.texts.count("age.seconds", round(seconds))
