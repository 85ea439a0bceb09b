"""What a client wants of an answer beside the question: entries that are in it, and how old a share may be.

A client that writes at one node and asks at another names what it has written; one that has an answer and wants a
later one names the vector of the first. How fresh an answer is, no client can name so: that is asked in seconds.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from homeroom import limits
from homeroom.errors import QuestionError

__all__ = ["Wanted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What an answer must hold.

    Parameters
    ----------
    after : a token, several of them, or the vector of another answer: these entries are in it
    fresh_s : all that each region had written so many seconds ago is in it
    wait_s : how long the node waits for that; it waits no longer than it is set to, and that long without it
    """

    after: str | Iterable[str] | Mapping[str, int] = ()
    fresh_s: float | None = None
    wait_s: float | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that say so. Raises `QuestionError`."""
        spans = {"Homeroom-Fresh": self.fresh_s, "Homeroom-Wait": self.wait_s}
        for name, seconds in spans.items():
            if seconds is not None and not 0 <= seconds < limits.FRESH_S_MAX:
                raise QuestionError(
                    f"{name} is {seconds}, must be seconds from 0 to under {limits.FRESH_S_MAX:,}"
                )
        written = {
            name: f"{seconds:.3f}s" for name, seconds in spans.items() if seconds is not None
        }
        entries = self.entries()
        return {**written, **({"Homeroom-After": ", ".join(entries)} if entries else {})}

    def entries(self) -> tuple[str, ...]:
        """Return the entries that must be in it. Raises `QuestionError`."""
        after = self.after
        if isinstance(after, str):
            after = (after,)
        elif isinstance(after, Mapping):
            # Documents are in no answer, and a header has only so much room.
            after = (f"{o}/{n}" for o, n in after.items() if not o.endswith("/document"))
        found = tuple(after)
        if len(found) > limits.AFTER_MAX or not all(
            one.isascii() and one.isprintable() for one in found
        ):
            raise QuestionError(
                f"after must be at most {limits.AFTER_MAX} tokens, or a vector of as many origins"
            )
        return found
