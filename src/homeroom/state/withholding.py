"""Taking consents into a state: who is withheld leaves all answers, and comes back when that is lifted.

Nothing is deleted for it. The events of who is withheld stay in their segments, behind veils, and what a cut has taken
of them stays in the base; their rows hold nothing meanwhile. When consent is given or a restriction lifted, the rows
begin anew from what was kept. So it makes no difference whether events came before, between or after.

Whether analytics need consent at all is a tenant's policy. A change of that touches everybody: all rows are made anew,
which takes as long as to fold all of history, and whoever asks waits.
"""

from homeroom.events.texts import sealed
from homeroom.log.consents import Need
from homeroom.state.consents import Consents
from homeroom.state.past import Change, History
from homeroom.state.state import State, Touch
from homeroom.state.table import SubjectTable

__all__ = ["need_consent", "take_consents"]


def take_consents(state: State, consents: Consents) -> None:
    """Take facts, and have whom they are about be in all answers, or in none, from now on.

    Raises `InputError` if there would be more of them than ``limits.CONSENTS_MAX``.
    """
    state.seal()
    state.alter(lambda history: history.consent(consents))


def need_consent(state: State, need: Need, epoch: int) -> None:
    """Have analytics need consent, or not, from now on, as the control change ``epoch`` says.

    What was done already is passed over, so that to state it again does nothing.
    """
    before = state.history.withheld
    if epoch <= before.epoch:
        return
    state.seal()
    is_same = (before.only is not None) == (need is Need.CONSENT)

    def change(history: History) -> Change | None:
        history.need(need, epoch)
        return None

    state.alter(change)
    if not is_same:
        _make_anew(state)


def _make_anew(state: State) -> None:
    """Make all rows anew, as who is withheld now says."""
    with state.guard:
        _watch_all(state)
        state.learners, state.enrolments = SubjectTable(), SubjectTable()
        state.refold()
        _watch_all(state)


def _watch_all(state: State) -> None:
    for one in state.learners.partitions:
        key_hi, key_lo = (sealed(half[: one.rows].copy()) for half in (one.key_hi, one.key_lo))
        state.watch(key_hi, key_lo, Touch.CORRECTION)
