"""Why something that was read is not an event, in words for those who have to fix it at the source."""

from homeroom.events.model import Reason

__all__ = ["explain"]

_EXPLAINED: dict[str, tuple[str, str]] = {
    Reason.NOT_UTF8: ("Not UTF-8 text", "The bytes are no text in UTF-8. Export again with UTF-8 as the encoding."),
    Reason.NOT_JSON: ("Not JSON", "The line is no whole JSON object; often it was cut or edited by hand."),
    Reason.WRONG_TYPE: ("Wrong type", "A field holds another kind of value than its format asks for."),
    Reason.MISSING_FIELD: ("Missing field", "An event needs a learner, a time and a verb; one is not there."),
    Reason.COLUMN_COUNT: ("Wrong number of columns", "The row has more or fewer columns than the header."),
    Reason.QUOTE_MISPLACED: ("Misplaced quote", "A quotation mark stands where the table cannot have one."),
    Reason.LINE_TOO_LONG: ("Line too long", "The line is longer than any event and was skipped."),
    Reason.TEXT_TOO_LONG: ("Text too long", "An account, verb, activity, course or id is longer than allowed."),
    Reason.TIME_FORMAT: ("Unreadable time", "The time is not in a form that the source's format allows."),
    Reason.TIME_WITHOUT_ZONE: ("Time without a zone", "Nobody can tell on which day it was. Export with a zone."),
    Reason.TIME_OUT_OF_RANGE: ("Time out of range", "The time is before 1990 or after 2099: a clock was wrong."),
    Reason.SCORE_NOT_FINITE: ("Score is no number", "The score is NaN or infinite."),
    Reason.SCORE_OUT_OF_RANGE: ("Score out of range", "The score lies outside of what its format allows."),
    Reason.NUMBER_FORMAT: ("Unreadable number", "A number is not written as one."),
    Reason.TRUNCATED: ("File ends too early", "A compressed file was cut; what came before counts. Copy it again."),
    Reason.DECOMPRESSION_BOMB: ("Refused to unpack", "Unpacked, it grows far more than any log; the rest is not read."),
    Reason.UNREADABLE: ("Unreadable file", "The file is damaged, or may not be read."),
    Reason.BEFORE_CUT: ("Before the cut", "It came after the history of its day was cut; nothing of that day is kept."),
    Reason.NOT_EVENTS: ("No events", "Nothing in it looks like events; a table needs account and time, or a mapping."),
}  # fmt: skip


def explain(reason: str) -> tuple[str, str]:
    """Return the name of a reason and what it means; a reason that is not known is its own name."""
    # A reason is a text (StrEnum), so a plain one finds it.
    return _EXPLAINED.get(reason, (reason.replace("_", " ").capitalize(), ""))
