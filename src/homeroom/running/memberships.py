"""Memberships that follow the fold: who is asked when, and in which thread.

After every fold the thread that folds asks the learners that were touched. It copies their rows, and their cohorts are
worked out of that copy, while others ask and nobody waits. When all must be
asked, it asks the columns of one partition after each fold, and leaves history to another thread; few learners are all
asked at once.

What is known of memberships lies behind a lock of its own, so that whoever asks for one learner's cohorts waits for a
few rows to be written, and for no fold.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from homeroom import limits
from homeroom.adapters.membership_file import (
    read_membership,
    remove_membership,
    write_membership,
)
from homeroom.cohorts.membership.changes import Changes
from homeroom.cohorts.membership.findings import Kept, Moment
from homeroom.cohorts.membership.membership import Membership
from homeroom.cohorts.membership.survey import Survey
from homeroom.cohorts.membership.wanted import Wanted, wanted
from homeroom.cohorts.membership.written import arrays_of, first_change, membership_of
from homeroom.errors import DataDirectoryError, QuestionError, kind_and_places
from homeroom.log.control import Control
from homeroom.log.origins import Stream, Token, Vector
from homeroom.running.live import Live
from homeroom.state.keys import Keys
from homeroom.state.state import State

__all__ = ["Memberships"]

_T = TypeVar("_T")


class Memberships:
    """The memberships of all tenants.

    Parameters
    ----------
    live : the states
    place : returns the folder of a tenant
    now_ms : the clock of the machine
    """

    def __init__(self, live: Live, place: Callable[[str], Path], now_ms: Callable[[], int]) -> None:
        self.troubles: dict[str, str] = {}
        self._live, self._place, self._now_ms = live, place, now_ms
        self._lock = threading.Lock()
        self._memberships: dict[str, Membership] = {}
        self._wanted: dict[str, Wanted] = {}
        self._written: dict[str, tuple[int, int | None, dict[str, Kept]]] = {}
        # Of whose state each is.
        self._watched: dict[str, State] = {}
        # Whose columns are being asked, and whether of few learners.
        self._surveys: dict[str, tuple[Survey, bool]] = {}
        self._pool = ThreadPoolExecutor(1, "homeroom-survey")

    # --- in the thread that folds ------------------------------------------------------------------------------------

    def follow(self, token: Token | None) -> None:
        """Bring all memberships up to what is folded and to the time that it is.

        ``token`` is the newest entry that was folded since the last time, None if none was.
        """
        for tenant in self._live.tenants():
            try:
                self._follow(tenant, token)
            except Exception as error:  # noqa: BLE001 - told as a trouble, and all are asked again
                self.troubles[tenant] = (
                    f"the membership of {tenant} could not be followed: {kind_and_places(error)}; all learners are "
                    f"asked again"
                )
                self._surveys.pop(tenant, None)
                if tenant in self._memberships:
                    self._memberships[tenant].doubt()

    def _follow(self, tenant: str, token: Token | None) -> None:
        membership = self._of(tenant)
        if membership.is_counted:
            self.troubles.pop(tenant, None)
        moment = self._take(tenant, membership, token)
        self._begin(tenant, membership)
        while self._go_on(tenant, membership, token):
            moment = self._take(tenant, membership, token)
            self._begin(tenant, membership)
        if membership.epoch != self._live.control.epoch:
            moment = _stated_before(moment, membership)
        with self._lock:
            membership.seen(moment)

    def _of(self, tenant: str) -> Membership:
        """Return the membership of a tenant, which watches its state from now on."""
        if tenant not in self._memberships:
            with self._live.held(tenant) as one:
                membership = self._opened(tenant, one.state)
                one.state.watch = membership.touch
            with self._lock:
                self._memberships[tenant] = membership
            self._watched[tenant] = one.state
            return membership
        membership = self._memberships[tenant]
        with self._live.held(tenant) as one:
            if one.state is not self._watched[tenant]:  # the log was folded anew
                self._watched[tenant], one.state.watch = one.state, membership.touch
                self._wanted.pop(tenant, None)  # the same epoch may be of other facts
                membership.doubt()
        return membership

    def _opened(self, tenant: str, state: State) -> Membership:
        now_ms = self._now_ms()
        try:
            arrays = read_membership(self._place(tenant))
            if arrays is not None:
                return membership_of(arrays, state.zone, now_ms)
        except DataDirectoryError as error:
            self.troubles[tenant] = str(error)
        return Membership(state.zone, Changes(first_change(now_ms)))

    def _take(self, tenant: str, membership: Membership, token: Token | None) -> Moment:
        """Ask the touched, and put an answer of all in its place whose day has come.

        Returns the moment up to which memberships are true then, if all definitions are in place.
        """
        with self._live.held(tenant) as one:
            if one.state.has_waiting_voids:
                one.state.seal()
            touched, applied = membership.sample(one.state), one.applied
        moment = Moment(self._now_ms(), applied, token)
        # Who waits for an entry is not to see a part of what it brings.
        partly = replace(moment, applied=membership.moment.applied)
        if touched is not None:
            found = membership.take(touched)
            with self._lock:
                membership.put(found, partly)
        with self._live.held(tenant) as one:
            closing = membership.closing(one.state, moment.now_ms)
            behind = membership.behind(one.state) if closing is None else None
        if behind is not None:
            membership.catch_up(behind)
        if closing is not None:
            answered = membership.close(*closing)
            with self._lock:
                membership.put_all(answered, partly)
        return moment

    def _begin(self, tenant: str, membership: Membership) -> None:
        """Begin to ask all, if that is due."""
        wanted_now = self._wanted_by(tenant, self._live.control)
        with self._live.held(tenant) as one:
            due = membership.due(one.state, wanted_now, self._now_ms())
            if due is None:
                return
            history = one.state.history_alone() if due.is_asked else None
            is_small = one.state.learners.rows <= limits.SURVEY_AT_ONCE_LEARNERS_MAX
            with self._lock:
                survey = membership.begin(due, history)
        if survey is not None:
            self._surveys[tenant] = survey, is_small

    def _go_on(self, tenant: str, membership: Membership, token: Token | None) -> bool:
        """Ask the columns of one more partition, of all if nothing was folded; then have the rest done.

        Returns whether it was done at once, since there are few learners.
        """
        survey, is_small = self._surveys.get(tenant, (None, False))
        if survey is None:
            return False
        for _ in range(limits.PARTITIONS if is_small or token is None else 1):
            if survey.is_of_columns:
                with self._live.held(tenant) as one:
                    survey.look(one.state)
        if survey.is_of_columns:
            return False
        del self._surveys[tenant]
        if is_small:
            self._run(membership, survey)
        else:
            self._pool.submit(self._run, membership, survey)
        return is_small

    def _wanted_by(self, tenant: str, control: Control) -> Wanted:
        known = self._wanted.get(tenant)
        if known is None or known.epoch != control.epoch:
            try:
                self._wanted[tenant] = wanted(control, tenant)
            except QuestionError as error:
                self.troubles[tenant] = (
                    f"the definitions of {tenant} make no sense together: {error}"
                )
                return known or Wanted(control.epoch)
        return self._wanted[tenant]

    def _run(self, membership: Membership, survey: Survey) -> None:
        """Run a survey, and give those who were found rows, between which others may read."""
        if not membership.is_under_way(survey):
            return
        try:
            survey.run()
            steps, is_placed = membership.placing(survey), False
            while not is_placed:
                with self._lock:
                    is_placed = next(steps, survey) is survey
            survey.arrange()
        except Exception as error:  # noqa: BLE001 - told, and begun again
            survey.failure = f"all learners could not be asked: {kind_and_places(error)}"

    # --- in any thread -----------------------------------------------------------------------------------------------

    def read(self, tenant: str, look: Callable[[Membership], _T]) -> _T:
        """Return what ``look`` sees of a tenant's membership. Raises `QuestionError` for a tenant that is not there."""
        with self._lock:
            membership = self._memberships.get(tenant)
            if membership is None:
                raise QuestionError(f"there is no tenant {tenant!r} whose membership is kept")
            return look(membership)

    def asked(self, tenant: str) -> frozenset[str]:
        """Return the columns of history that are asked about the touched."""
        membership = self._memberships.get(tenant)
        return frozenset() if membership is None else frozenset(membership.asked)

    def write(self, tenant: str) -> None:
        """Write a tenant's membership down beside its snapshot. Raises `DataDirectoryError`."""
        membership = self._memberships.get(tenant)
        if membership is None or not membership.is_counted:
            return  # what was written before is as good
        with self._lock:
            stamp = (membership.changes.next, membership.day, membership.cohorts)
            arrays = None if self._written.get(tenant) == stamp else arrays_of(membership)
        if arrays is not None:
            write_membership(self._place(tenant), arrays)
            self._written[tenant] = stamp

    def forget(self, tenant: str, keys: Keys) -> None:
        """Hold nothing of learners who are erased, sorted, and are in no cohort any more; nor on the disk.

        Raises `DataDirectoryError`.
        """
        membership = self._memberships.get(tenant)
        if membership is not None:
            with self._lock:
                membership.changes.forget(keys)
        self._written.pop(tenant, None)
        if membership is None or not membership.is_counted:
            remove_membership(self._place(tenant))
        else:
            self.write(tenant)

    def stop(self) -> None:
        """Wait for the survey that is under way, and begin no other."""
        self._pool.shutdown()


def _stated_before(moment: Moment, membership: Membership) -> Moment:
    """Return a moment up to what was stated when the definitions that are kept were: newer ones may not be in place."""
    before = membership.moment.applied
    applied = Vector(
        {
            origin: before[origin] if origin.stream is Stream.CONTROL else number
            for origin, number in moment.applied.items()
        }
    )
    return replace(moment, applied=applied)
