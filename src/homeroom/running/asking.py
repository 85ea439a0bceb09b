"""What an answer of a running node must hold, waited for before it is begun with.

It is said in two ways. By vector, or by the tokens of entries: a client reads what it wrote, at whichever node. Or by
age: what each region had written two seconds ago is in it. The second is no vector that could be named beforehand; it
holds or does not, and becomes true by what is folded and by what word comes of other nodes
(`homeroom.running.freshness`). As soon as it does, what is folded by then is the vector that the answer is after: so a
frozen state that is older is not asked.

The way not taken is to answer anyway, and to have the client look at the age: it would ask in a loop, each time for a
whole answer.
"""

from collections.abc import Mapping

from homeroom.cohorts.live import Wanted, freshness_in_words
from homeroom.errors import NotFreshError
from homeroom.log.origins import Vector
from homeroom.log.store import Store
from homeroom.regions.residency import holders
from homeroom.running.belonging import Belonging
from homeroom.running.folds import Folds
from homeroom.running.live import Live
from homeroom.running.world_status import freshness_of

__all__ = ["answered_by", "reached"]


def answered_by(vector: Vector, belonging: Belonging | None = None) -> Vector:
    """Return what of a vector is in answers here: documents are in none, and what stays elsewhere never comes."""
    found = {o: number for o, number in vector.items() if not o.stream.has_documents}
    if belonging is None:
        return Vector(found)
    members, here = belonging.looks.members, belonging.node
    return Vector(
        {o: n for o, n in found.items() if o.stream.is_shared or here in holders(members, o)}
    )


async def reached(
    wanted: Wanted, live: Live, folds: Folds, store: Store, belonging: Belonging | None
) -> Vector | None:
    """Wait until what is wanted is folded; return what the state that is asked must hold, None for nothing.

    Raises `NotYetError` and `NotFreshError`.
    """
    after = answered_by(wanted.after, belonging)
    if after:
        await folds.covers(after, wanted.wait_ms)
    if wanted.lag_s_max is None:
        return after or None
    lag_s_max, wait_ms = wanted.lag_s_max, folds.bounded(wanted.wait_ms)
    # A node alone is as fresh as can be once all is folded that is durable now.
    held = after.joined(store.held()) if belonging is None else after
    found = Vector()

    def is_fresh() -> bool:
        nonlocal found
        found = live.applied
        return found.covers(held) and not _lagging(freshness_of(belonging, found), lag_s_max)

    if not await folds.becomes(is_fresh, wait_ms):
        lagging = _lagging(freshness_of(belonging, found), lag_s_max)
        raise NotFreshError(
            f"after {wait_ms:,} ms not all of what each region had written {lag_s_max:g} s ago is here: "
            f"{freshness_in_words(lagging) or 'what this node has written'}; ask again, or for less",
            lagging,
        )
    return found


def _lagging(lags: Mapping[str, float | None] | None, lag_s_max: float) -> dict[str, float | None]:
    """Return the regions whose share is older, or of unknown age."""
    return {region: lag for region, lag in (lags or {}).items() if lag is None or lag > lag_s_max}
