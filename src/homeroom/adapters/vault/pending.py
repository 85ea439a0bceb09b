"""What was prepared and is not applied yet.

Requests are prepared one after another while the one before is still being written, so each must see what those before
it will have changed: that an id is taken, that a person has a key by now, what a document has become. This is laid over
the file, taken away when the operations are applied, and all of it when they never will be.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from homeroom.adapters.vault.operations import (
        DocumentDropped,
        DocumentKept,
        PortraitKept,
        StatementKept,
        StatementSent,
    )
    from homeroom.adapters.vault.sealing import SubjectKeys
    from homeroom.records.people import Json

__all__ = ["Noted", "Pending"]


class Noted(NamedTuple):
    """One thing that was laid over the file: in which mapping, under which key, and what."""

    mapping: dict[Any, Any]
    key: bytes
    value: Any


class Pending:
    """What is laid over the file of one tenant.

    Attributes
    ----------
    keys : by subject; every one of them new
    portraits : by form
    definitions : by activity
    statements : by id
    documents : by address; what will have become of each
    sent : by id; statements that go away
    destroyed : subjects whose key will be destroyed
    """

    def __init__(self) -> None:
        self.keys: dict[bytes, SubjectKeys] = {}
        self.portraits: dict[bytes, PortraitKept] = {}
        self.definitions: dict[bytes, Json] = {}
        self.statements: dict[bytes, StatementKept] = {}
        self.documents: dict[bytes, DocumentKept | DocumentDropped] = {}
        self.sent: dict[bytes, StatementSent] = {}
        self.destroyed: dict[bytes, bool] = {}

    def note(self, mapping: dict[bytes, Any], key: bytes, value: Any) -> Noted:  # noqa: ANN401 - of the mapping's type
        """Lay something over the file; return what `take_away` takes."""
        mapping[key] = value
        return Noted(mapping, key, value)

    def take_away(self, noted: list[Noted]) -> None:
        """Take away what was laid over the file, but for what something later has taken the place of."""
        for mapping, key, value in noted:
            if mapping.get(key) is value:
                del mapping[key]
