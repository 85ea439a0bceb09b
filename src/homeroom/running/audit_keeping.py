"""An audit log whose end cannot be cut off in silence: where it ends is stated in the node's own log now and then.

A chain of digests shows every touch but one: a shorter chain is a chain too, and an empty file the shortest. So the
last digest is kept elsewhere, in the control stream, which is signed and chained itself: at a start, at a stop, and in
between after a while, whenever there are new records. At a start what was stated is looked for in the file. If it is
not there, that is told for as long as the node runs, and is written into the audit log, so that it stays in it.

In a world the home alone states anything, so the others tell it where theirs end, and again until that is stated. What
was stated while a node was away it hears after its start, so it is compared then too.

What came after the last statement before a crash can still be cut off unseen. The way not taken states each record: an
entry of the log for each look at a learner, in the stream that every start reads whole.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from pathlib import Path

from homeroom import limits
from homeroom.adapters.audit import CUT, Audit, verify_audit
from homeroom.cohorts.live import Trouble
from homeroom.errors import (
    AuditError,
    ControlError,
    HomeElsewhereError,
    NotYetError,
    StoreError,
)
from homeroom.log.control import AuditAnchored
from homeroom.running.node import RunningNode

__all__ = ["AuditKeeping"]


class AuditKeeping:
    """Keeps the end of a node's audit log in its control stream.

    Parameters
    ----------
    node : states it
    audit : the log
    name : of the node
    now_ms : the clock of the machine

    Attributes
    ----------
    trouble : what is wrong with the log, None while all is well
    """

    def __init__(
        self, node: RunningNode, audit: Audit, name: str, now_ms: Callable[[], int]
    ) -> None:
        self.trouble: str | None = None
        self._node, self._audit, self._name, self._now_ms = node, audit, name, now_ms
        self._known: str | None = None  # the digest that must be in the file
        self._heard: AuditAnchored | None = None  # what was compared with the file last
        # Digests of ends that this process has stated, or told the home, the latest ones.
        self._said: deque[str] = deque(maxlen=limits.ALARMS_KEPT)
        self._task: asyncio.Task[None] | None = None

    @classmethod
    async def begin(
        cls, node: RunningNode, path: Path, name: str, now_ms: Callable[[], int]
    ) -> "AuditKeeping":
        """Open a log, compare it with what was stated of it, and state where it ends.

        Raises `AuditError` if it cannot be opened, `StoreError` if nothing can be stated.
        """
        keeping = cls(node, Audit(path), name, now_ms)
        try:
            await keeping._compare()
            await keeping._state_at_start()
        except BaseException:
            keeping._audit.close()
            raise
        node.watch(keeping._troubles)
        keeping._task = asyncio.create_task(keeping._keep())
        return keeping

    @property
    def audit(self) -> Audit:
        """The log."""
        return self._audit

    async def stop(self) -> None:
        """State where the log ends, and close it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        with contextlib.suppress(
            StoreError
        ):  # the node's health page has said that it cannot write
            await self._state()
        self._audit.close()

    def _troubles(self) -> tuple[Trouble, ...]:
        return () if self.trouble is None else (Trouble(self.trouble),)

    async def _compare(self) -> None:
        """See that the end that was stated last is in the file; the whole of it is read later, beside the start."""
        stated, end = self._node.control().anchors.get(self._name), self._audit.end
        if stated is None or stated == self._heard or stated.digest in self._said:
            return
        self._heard = stated
        if end.records > stated.records:
            self._known = stated.digest
            return
        if end.records == stated.records and end.digest == stated.digest:
            return
        self.trouble = (
            f"the audit log {self._audit.path} has {end.records:,} records, and had {stated.records:,}, the last with "
            f"the digest {stated.digest}: its end was cut off, or it is another file. Find out who did it, and restore "
            f"it from a backup"
        )
        about = {"records": stated.records, "digest": stated.digest}
        await asyncio.to_thread(self._audit.record, self._now_ms(), "", "node", CUT, about)

    async def look(self) -> None:
        """Read all of the log, and see that it is whole and that what was stated of it is in there."""
        try:
            await asyncio.to_thread(verify_audit, self._audit.path, self._known)
        except AuditError as error:
            self.trouble = self.trouble or str(error)

    async def _keep(self) -> None:
        await self.look()
        passed_ms = 0
        while True:
            pause_ms = limits.AUDIT_STATED_MS if self._node.is_home else limits.AUDIT_TOLD_AGAIN_MS
            await asyncio.sleep(pause_ms / 1_000)
            passed_ms += pause_ms
            await self._hear()
            if passed_ms >= limits.AUDIT_STATED_MS or self._is_to_be_told():
                passed_ms = 0
                with contextlib.suppress(
                    StoreError
                ):  # told by the node itself; later it is stated again
                    await self._state()

    async def _hear(self) -> None:
        """Look for what was stated of the log since, and not by this process."""
        heard = self._heard
        await self._compare()
        if self._heard is not heard:
            await self.look()

    def _is_to_be_told(self) -> bool:
        """Say whether the home has not stated yet what it was told last."""
        stated = self._node.control().anchors.get(self._name)
        is_stated = stated is not None and stated.digest in self._said
        return bool(self._said) and not (self._node.is_home or is_stated)

    async def _state_at_start(self) -> None:
        """State where the log ends. A node of a world goes on without it: its clock may be wrong, which is told."""
        try:
            await self._state()
        except StoreError:
            if self._node.belonging is None:
                raise

    async def _state(self) -> None:
        """State where the log ends, or tell the home, if that is not what was stated last."""
        stated, end = self._node.control().anchors.get(self._name), self._audit.end
        if not end.records or (stated is not None and stated.digest == end.digest):
            return
        self._said.append(end.digest)
        if not self._node.is_home and self._node.belonging is not None:
            self._node.belonging.tell_audit_end(end.records, end.digest)
            return
        fact = AuditAnchored(node=self._name, records=end.records, digest=end.digest)
        try:
            with contextlib.suppress(
                NotYetError
            ):  # it is durable, and is folded when its turn comes
                await self._node.change(fact, "node")
        except HomeElsewhereError:
            return  # the home has just moved: it is told later
        except ControlError as error:
            raise AssertionError("where the audit log ends can always be stated") from error
