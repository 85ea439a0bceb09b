"""What an answer of a node shows of ids: registered ones to everybody, all of them to whoever may see labels.

A question is asked of a state whose dictionaries are exchanged for what its asker may see
(`homeroom.events.labels.shown`). So there is one place where this is decided, and none where it can be forgotten: what
counts events has codes, what writes names has the names that it was given.

A verb that a verb table has is no secret: it is public, or an administrator wrote it down.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from homeroom.cohorts.course_report.acts import act_verbs
from homeroom.cohorts.live import Shows
from homeroom.events.labels import shown
from homeroom.events.vocabulary import VerbTable
from homeroom.log.catalogue import Catalogue, IdKind
from homeroom.state.state import State

__all__ = ["Showing"]


@dataclass(frozen=True)
class Showing:
    """What of a tenant's ids anybody may read.

    Parameters
    ----------
    catalogue : what is registered
    verbs : the tenant's verb table
    """

    catalogue: Catalogue
    verbs: VerbTable

    def __call__(self, state: State, shows: Shows) -> State:
        """Return a state as whoever asks may see it."""
        may_show: Callable[[str, str], bool] | None = None
        if shows is not Shows.LABELS:
            may_show = self.is_public
        return state.showing(shown(state.dictionaries, may_show, self))

    def is_public(self, kind: str, text: str) -> bool:
        """Say whether anybody may read a text."""
        if kind == IdKind.VERB and (text in act_verbs() or self.verbs.knows(text)):
            return True
        return self.catalogue.covers(kind, text)

    def known(self) -> Iterable[str]:
        """Return the texts whose hashes can be computed without a vault, because they are written down elsewhere."""
        return {*self.verbs.names, *act_verbs(), *self.catalogue.whole}
