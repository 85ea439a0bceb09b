"""How far a statement or a document has come among those who may have it, before its client hears yes.

Documents go no further than their jurisdiction. So `remote` is another region of it, and where it has one region that
is not to be had: who asks for it hears so before anything is written. `all` is every node of it. The floor that
operators set for the whole world counts as far as it can be had here, or record stores of small jurisdictions would
take nothing while it is raised.

What is sealed for another jurisdiction may be there and here, so it is asked for among both. Of a request whose
statements go to several, each must have come as far.

A statement that is sent again is there already, and nothing is written. Which entry it came with, in which life, at
which node, nobody remembers; so its client waits for all documents that this node holds. That is rare: who is told 504
sends again.
"""

from collections.abc import Awaitable, Callable, Sequence

from homeroom.log.log import Accepted, Refusal, Refused
from homeroom.log.origins import Token
from homeroom.regions.steps import Level
from homeroom.running.acknowledging import Acknowledging
from homeroom.running.recording import homes_of
from homeroom.running.sharing import Sharing

__all__ = ["RecordsHeld"]


class RecordsHeld:
    """Offers records, and waits; in the event loop.

    Parameters
    ----------
    sharing : documents among the nodes of the jurisdiction
    acknowledging : clients that wait
    """

    def __init__(self, sharing: Sharing, acknowledging: Acknowledging) -> None:
        self._sharing, self._acknowledging = sharing, acknowledging

    def others_ms(self) -> list[int]:
        """Return of each other node of the jurisdiction up to when all is here that it stored, by its clock."""
        return self._sharing.others_ms()

    def wanted(self, asked: Level, least: Level, homes: frozenset[str]) -> Level | Refused:
        """Return the level that is waited for: what is asked for, and the floor as far as it can be had.

        ``homes`` are the jurisdictions in which what is sent is kept, an empty one is here.
        """
        if max(asked, least) > Level.LOCAL and self._sharing.why_not is not None:
            return Refused(Refusal.UNAVAILABLE, self._sharing.why_not)
        is_among_regions = all(map(self._sharing.is_among_regions, homes))
        if asked is Level.REMOTE and not is_among_regions:
            why = (
                "no other region of this jurisdiction can have it, and it goes nowhere else; ask for local, or for "
                "all, each node of the jurisdiction"
            )
            return Refused(Refusal.UNATTAINABLE, why)
        return max(asked, Level.LOCAL if least is Level.REMOTE and not is_among_regions else least)

    async def held(
        self, level: Level, offer: Callable[[], Awaitable[Accepted | Refused]]
    ) -> tuple[Accepted | Refused, Level]:
        """Offer something; return when it is held at a level or the time for that is over, and how far it is."""
        if level is Level.LOCAL:
            return await offer(), level
        return await self._acknowledging.at(level, offer, self._waited_for)

    def _waited_for(self, accepted: Accepted) -> Sequence[Token]:
        """Return the entries that must be held; none for what was refused, since nobody waits for that.

        Of what was sealed here for a home that is the last entry that there is: later ones came with it, or since.
        """
        homes, written = homes_of(accepted.answer), accepted.token
        tokens = [token for home in homes if home for token in self._sealed(home, written)]
        if "" in homes:
            tokens += self._sharing.tokens() if written is None else [written]
        return tokens

    def _sealed(self, home: str, written: Token | None) -> Sequence[Token]:
        """Return what was sealed for a home: in the life of an entry that was written, or ever."""
        return [
            one
            for one in self._sharing.sealed_tokens(home)
            if written is None or one.origin.incarnation == written.origin.incarnation
        ]
