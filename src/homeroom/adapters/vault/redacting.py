"""Operations without what is left of people who are erased: what a log keeps of them from then on.

Their keys, the forms in which they were named, their documents, and the bodies and terms of their statements go. What
stays of a statement is its id, so that it is not given again, and which statement it voids: that is a fact about the
other one. Operations about other people stay as they are; there an erased person is a number without a form.
"""

from collections.abc import Mapping

import msgspec

from homeroom.adapters.vault.operations import (
    Change,
    DocumentKept,
    Operation,
    PortraitKept,
    StatementKept,
    StatementSent,
    SubjectKey,
    decode,
    encode,
)

__all__ = ["redacted_change"]

_GONE = (SubjectKey, PortraitKept, DocumentKept, StatementSent)


def redacted_change(encoded: bytes, erased: Mapping[str, frozenset[bytes]]) -> bytes:
    """Return the operations of a request without those who are erased; the same bytes if it has nothing of them.

    Parameters
    ----------
    encoded : as a log carries them
    erased : by tenant the subjects, 16 bytes each

    Raises
    ------
    EntryError
        They cannot be read.
    """
    change = decode(encoded)
    gone = erased.get(change.tenant, frozenset())
    kept = [left for one in change.operations for left in _left(one, gone)]
    if len(kept) == len(change.operations) and all(
        after is before for after, before in zip(kept, change.operations, strict=True)
    ):
        return encoded
    return encode(Change(change.tenant, kept))


def _left(operation: Operation, gone: frozenset[bytes]) -> list[Operation]:
    if isinstance(operation, _GONE) and operation.subject in gone:
        return []
    if isinstance(operation, StatementKept) and operation.subject in gone:
        bare = msgspec.structs.replace(
            operation, body=b"", people=b"", terms=b"", attachments=[], digest=b""
        )
        return [operation if bare == operation else bare]
    return [operation]
