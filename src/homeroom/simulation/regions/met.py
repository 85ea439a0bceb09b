"""What worlds are made for, and whether they meet it: counted by a world itself, where it happens.

A plan says what is to go wrong. Whether two things cross that go wrong is left to chance: an erasure may be planned and
meet no snapshot. So each crossing that was thought of has a name here, and a world counts how often it came to it. A
test sees that none is met by no world, and the report of many worlds says how often each was.
"""

from collections import Counter
from enum import StrEnum
from typing import TypeAlias

__all__ = ["Case", "Met"]


class Case(StrEnum):
    """What a world may meet."""

    TWO_REGIONS = "a batch sent to two regions at once"
    THREE_REGIONS = "a batch sent to three regions at once"
    EVENT_ID_AGAIN = "an event's id with other content"
    BATCH_ID_REFUSED = "a batch's id with other content, refused"
    BATCH_ID_ELSEWHERE = "a batch's id with other content, taken by another node"
    AFTER_WEEKS = "a batch sent again after weeks"
    AFTER_ROTATION = "a batch sent again under another key"
    AFTER_RESTORE = "a batch sent again to a node that was put back"
    REMOVED_EACH_OTHER = "two nodes that have each removed the other"
    COPY_TWICE = "one copy of a disk put back twice"
    COPY_BESIDE = "a copy beside the original, noticed"
    HOME_LOST = "a home that is destroyed"
    TWO_RELEASES = "a message of another release"
    YEAR_OFF = "a life begun with a clock that is a year off"
    POISON = "an entry that a node cannot fold"
    GAP_FULL = "an entry that finds the buffer of gaps full"
    ERASED_MERGED = "an erasure of somebody who was merged"
    ERASED_VOID = "an erasure of somebody with a voided event"
    ERASED_IN_SNAPSHOT = "a snapshot with somebody who was erased since, on its way"
    ERASED_IN_COPY = "an erasure while a copy of a disk has whom it names"
    ERASED_RESTORED = "a disk put back that has somebody who was erased since"
    ERASED_HELD = "an erasure folded while entries of whom it names are held back"
    ERASED_RELAYED = "an entry of somebody who is erased, from who did not write it"


Met: TypeAlias = Counter[Case]
"""How often a world met each."""
