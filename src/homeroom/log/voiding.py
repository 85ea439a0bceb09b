"""Voids that somebody states of events, by their ids: what an event said was wrong, or it never happened.

Statements are voided by statements, which say so themselves. This is for events that came by any other way. In the log
there are hashes of ids alone, as of all voids; a void counts for every event of that id, whenever it comes.
"""

import msgspec

__all__ = ["EventsVoided"]


class EventsVoided(msgspec.Struct, frozen=True):
    """Events with these ids have not happened."""

    ids: tuple[str, ...]
