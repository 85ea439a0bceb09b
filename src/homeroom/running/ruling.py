"""Which entries operators may rule of: those that wait for their time, or were stamped ahead, or were ruled of before.

A ruling is for what a wrong clock has done. Everything else counts already, everywhere, and somebody was told so: to
take it out by its number would take back what a thousand learners did, whoever they are, and leave no trace in history
of what was meant. What is wrong with events has names of its own: they are voided by their ids, and persons erased.

Who looks is the home, before it states the fact. Nodes fold what is stated as it is: what a home of an earlier release
let through is a fact, and another ruling can undo it.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from homeroom import limits
from homeroom.clock import hybrid_ms
from homeroom.errors import ControlError
from homeroom.events.instants import format_instant
from homeroom.log.entries import Entry
from homeroom.log.origins import Origin, Stream, Vector
from homeroom.log.rulings import Restamped, RulingFact, Rulings
from homeroom.regions.gate import Early

__all__ = ["check_held", "check_of_the_future", "check_past"]


def check_held(fact: RulingFact, held: Vector) -> Origin:
    """Return the origin of a ruling; its entries are here.

    Raises `ControlError` where they are not: it would be of what is still to be written.
    """
    origin = next((one for one in held if str(one) == fact.origin), None)
    last = 0 if origin is None else held[origin]
    if origin is None or fact.last > last:
        raise ControlError(
            f"entries up to {fact.last:,} of {fact.origin[:200]} are named, and {last:,} are held here; rule of those "
            f"that homeroom world check tells of"
        )
    return origin


def check_past(fact: Restamped, now_ms: int) -> None:
    """Raise `ControlError` for a ruling by which entries would wait: who has folded them could not wait any more."""
    ahead_ms = hybrid_ms(fact.hybrid) - now_ms
    if ahead_ms > limits.HYBRID_AHEAD_MS_MAX:
        raise ControlError(
            f"entries would count from {ahead_ms:,} ms ahead of now, at most {limits.HYBRID_AHEAD_MS_MAX:,} ms are "
            f"allowed; rule that they count now, or let them wait for their own time"
        )


def check_of_the_future(
    fact: RulingFact,
    origin: Origin,
    known: tuple[Rulings, Early | None],
    read: Callable[[Origin, int, int], Sequence[Entry]],
    now_ms: int,
) -> None:
    """Raise `ControlError` for a ruling on an entry that was not stamped ahead, does not wait, and was not ruled of.

    Parameters
    ----------
    fact, origin : the ruling, and the origin that it names
    known : what was ruled before, and which entries of the origin wait here
    read : entries of an origin, from a number on, so many at most; it raises `StoreError`
    now_ms : what the clock of the machine shows
    """
    if not 1 <= fact.first <= fact.last or not origin.stream.is_shared:
        return  # it makes no sense, which is said where that is found out
    rulings, early = known
    spans = [(one.first, one.last) for one in rulings.get(origin, ())]
    if early is not None:
        spans.append((early.first, early.last))

    def is_ahead(number: int) -> bool:
        found = read(origin, number, 1)
        ahead_ms = now_ms + limits.HYBRID_AHEAD_MS_MAX
        return bool(found) and found[0].number == number and hybrid_ms(found[0].hybrid) > ahead_ms

    # The stamps of an origin only grow.
    numbers = range(fact.first, fact.last + 1)
    ahead = fact.first + bisect_left(numbers, x=True, key=is_ahead)
    number = fact.first
    while number < ahead:
        ends = [last for first, last in spans if first <= number <= last]
        if not ends:
            raise ControlError(_instead(origin, number, read))
        number = max(ends) + 1


def _instead(
    origin: Origin, number: int, read: Callable[[Origin, int, int], Sequence[Entry]]
) -> str:
    found = read(origin, number, 1)
    if found and found[0].number == number:
        why = f"was written at {format_instant(hybrid_ms(found[0].hybrid))}, which has come,"
    else:
        why = "is so old that this log has forgotten it"
    if origin.stream is Stream.CONTROL:
        do = "what is stated in it is changed by stating it as it should be"
    else:
        do = "events are taken back by their ids (homeroom void), persons erased (homeroom erase)"
    return (
        f"entry {number:,} of {origin} {why} and counts everywhere: nobody rules on it, but on those that homeroom "
        f"world check tells of; {do}"
    )
