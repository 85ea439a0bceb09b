"""What a client has written, as far as a read must still name it.

A client that moved has written at several nodes, and a node that has the last of it need not have what came before:
each origin's entries travel by themselves. So of each origin the last entry is named, not only the last of all, or a
read after a move could lack an earlier write of the same client.

That has two bounds. What was written only to a node that died is nowhere else, and reads would wait for it until the
node is back, if ever. So an entry counts as spread, or lost, after a minute; the last one of all is always named, as
that is what a program can see and take back (``client.token``). To forget what an answer has held was not taken: the
node that is asked next may be another one, which does not have it yet.
"""

from homeroom import limits
from homeroom.client.messages import later

__all__ = ["Written"]


class Written:
    """The last entries that a client has written, by origin."""

    def __init__(self) -> None:
        self._last: str | None = None
        self._before: dict[str, tuple[str, int]] = {}  # by origin its last token, and when it came

    @property
    def last(self) -> str | None:
        """The last of all, by its stamp."""
        return self._last

    def be(self, token: str | None) -> None:
        """Name this from now on, and nothing that was heard of before."""
        self._last = token
        self._before.clear()

    def hear(self, token: str | None, now_ms: int) -> None:
        """Hear of an entry that was written."""
        if token is None:
            return
        self._last = later(self._last, token)
        origin = token.rsplit("/", 2)[0]
        known = self._before.pop(origin, None)
        self._before[origin] = (later(known and known[0], token) or token, now_ms)
        if len(self._before) > limits.WRITTEN_MAX:
            del self._before[next(iter(self._before))]

    def named(self, now_ms: int) -> tuple[str, ...]:
        """Return what a read must hold, the last entry first; nothing where nothing was written."""
        if self._last is None:
            return ()
        found = {self._last: None}
        for token, at_ms in reversed(self._before.values()):
            if now_ms - at_ms < limits.WRITTEN_MS:
                found[token] = None
        return tuple(found)
