"""What commands on the same machine ask a node about one person, and what they are told."""

from enum import StrEnum
from typing import Any

import msgspec

__all__ = ["PersonAsked", "PersonDo", "PersonTold"]


class PersonDo(StrEnum):
    """What is asked."""

    ACCESS = "access"
    SAY = "say"
    SAID = "said"
    RECTIFY = "rectify"
    COMPLIANCE = "compliance"


class PersonAsked(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", tag="person", omit_defaults=True
):
    """Do something for a person of a tenant, or say how the rights of all are kept.

    Parameters
    ----------
    do : what
    tenant, author : whose person, and who asks
    learner : a pseudonym, or (issuer, account); nobody for a report
    purpose, says : of a consent or a restriction that is stated
    void, events, reason : of what is put right: ids, events as clients send them without account and id, and why
    """

    do: PersonDo
    tenant: str
    author: str
    learner: str | tuple[str, str] = ""
    purpose: str = ""
    says: str = ""
    void: tuple[str, ...] = ()
    events: tuple[dict[str, Any], ...] = ()
    reason: str = ""

    def about(self) -> dict[str, Any]:
        """Return what is written down of it, beside whom it is about."""
        if self.do is PersonDo.SAY:
            return {"purpose": self.purpose or None, "says": self.says}
        if self.do is PersonDo.RECTIFY:
            return {"voided": len(self.void), "sent": len(self.events), "reason": self.reason}
        return {}


class PersonTold(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What comes of it: the archive, or what was found: what a person has said of consent, or the report."""

    archive: bytes = b""
    found: dict[str, Any] = {}
