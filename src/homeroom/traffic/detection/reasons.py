"""Why a node is not fine, in words for people: what an operator reads first when traffic has moved.

The causes are bits, set where the verdict is made; here they only get their figures. So what is said is what was judged
by, and not a second opinion.
"""

from homeroom import limits
from homeroom.traffic.detection import suspicion
from homeroom.traffic.detection.judging import SILENT, Cause, Vantages

__all__ = ["why"]


def why(vantages: Vantages, number: int) -> tuple[str, ...]:
    """Return why the first vantage point thinks so of a node, the weightiest first; nothing if it is fine."""
    if not vantages.verdicts[0, number]:
        return ()
    link, causes = vantages.links[number], Cause(int(vantages.causes[0, number]))
    regions = len(vantages.counts)
    said = {
        Cause.QUORUM: f"a majority of the {regions} regions could not reach it",
        Cause.UNREADY: "it says itself that it does not serve",
        Cause.SILENT: f"silent for {vantages.own[0, number, SILENT] / 1_000:.1f} s",
        Cause.DEAF: "it says that it does not hear this node",
        Cause.FAILING: _failing(int(link[suspicion.FAILED])),
        Cause.SLOW: f"{link[suspicion.SLOW]:.0f} answers in a row were slow (usually {link[suspicion.TRIP]:.0f} ms)",
        Cause.MANY: f"a majority of the {regions} regions sees something bad",
        Cause.RECOVERING: "well again, but not for long enough",
    }
    return tuple(words for cause, words in said.items() if cause in causes)


def _failing(failed: int) -> str:
    if failed:
        return f"{failed} questions in a row had no good answer"
    return f"a question has had no answer for {limits.PROBE_LATE_MS / 1_000:g} s"
