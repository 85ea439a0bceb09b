"""What can be said twice and differently, and by which rule it is settled: one table.

Regions take writes without asking each other, so two of them can say different things of one thing. Every rule is a
join: idempotent, commutative, associative; so it does not matter who says what first, and nobody is asked. The table is
what operators, tests and the page about regions go by: each line has a test in which two regions conflict.
"""

from enum import StrEnum
from typing import Final, NamedTuple

__all__ = ["RULES", "TOLD", "Domain", "Rule"]


class Domain(StrEnum):
    """What a conflict is about."""

    ACTIVITY = "activity"
    SPAN = "first and last activity"
    GRADE = "grade"
    STATUS = "enrolment status"
    OUTCOME = "outcome"
    COMPLETION = "completion"
    ATTRIBUTE = "attribute"
    EVENT = "event id"
    BATCH = "batch id"
    VOID = "void"
    MERGE = "merged accounts"
    CONSENT = "consent and restriction"
    ERASURE = "erasure"
    STATEMENT = "statement"
    DOCUMENT = "document"
    STATED = "definitions, keys, tenants, members"


class Rule(NamedTuple):
    """How a domain is settled.

    Parameters
    ----------
    conflict : what two regions may say that differs
    rule : what counts then, everywhere
    """

    conflict: str
    rule: str


RULES: Final[dict[Domain, Rule]] = {
    Domain.ACTIVITY: Rule("other days on which a learner was active", "all of them: the union"),
    Domain.SPAN: Rule("another first, another last day", "the least, the greatest"),
    Domain.GRADE: Rule("two grades of an enrolment", "the latest by its time; then the highest"),
    Domain.STATUS: Rule("enrolled, and left", "the latest by its time; then left"),
    Domain.OUTCOME: Rule("passed, and failed", "the latest by its time; then failed"),
    Domain.COMPLETION: Rule(
        "completion reached, and revoked", "the latest by its time; then revoked"
    ),
    Domain.ATTRIBUTE: Rule(
        "two values of an attribute of a learner",
        "the latest by its time; then the greatest digest of the value",
    ),
    Domain.EVENT: Rule("two events under one id", "both count; voiding the id voids both"),
    Domain.BATCH: Rule(
        "two batches under one id",
        "in one node the second is refused (409); in two nodes both count, event by event",
    ),
    Domain.VOID: Rule("an event, and that it is void", "it is void, whichever comes first"),
    Domain.MERGE: Rule(
        "accounts that are one learner, and that they are not",
        "edges and their taking back only grow; one that was taken back holds no more",
    ),
    Domain.CONSENT: Rule(
        "given, and refused, neither superseding the other", "the most restrictive"
    ),
    Domain.ERASURE: Rule("an erasure, and more events of the person", "erased, for ever"),
    Domain.STATEMENT: Rule(
        "two statements under one id", "the one that was stored first, by its stamp"
    ),
    Domain.DOCUMENT: Rule("two writings of one document", "the last, by its stamp"),
    Domain.STATED: Rule(
        "none: the home alone states them", "the order of the control stream of the home"
    ),
}
"""By domain what can conflict, and the rule."""

TOLD: Final = frozenset(
    {
        Domain.GRADE,
        Domain.STATUS,
        Domain.OUTCOME,
        Domain.COMPLETION,
        Domain.ATTRIBUTE,
        Domain.EVENT,
        Domain.CONSENT,
        Domain.STATEMENT,
    }
)
"""Of which conflicts operators are told (``GET /v1/conflicts``): in the others nothing was lost that somebody said."""
