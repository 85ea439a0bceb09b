"""Parameters of requests: which there may be, and what they ask for.

A parameter that is misspelled, or in another case, would be a filter that filters nothing; so whatever the standard
does not name is refused (xAPI 1.0.3, Communication, 3.2). Values are held to the same rules as in statements.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from homeroom import limits
from homeroom.errors import RecordError
from homeroom.records.forms import instant_us, is_iri, is_timestamp, is_uuid
from homeroom.records.people import Json, check_agent, check_group, is_anonymous
from homeroom.records.reading import read_json
from homeroom.records.showing import Form
from homeroom.records.versions import Version

__all__ = [
    "Attachments",
    "Breadth",
    "OneStatement",
    "Order",
    "Search",
    "Voidness",
    "agent_of",
    "iri_of",
    "once_each",
    "person_of_parameter",
    "statements_asked",
    "time_of",
    "uuid_of",
]


class Order(Enum):
    """In which order of the time of storing statements are shown."""

    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


class Attachments(Enum):
    """Whether the data of attachments are shown with the statements."""

    LEFT_OUT = "left_out"
    INCLUDED = "included"


class Voidness(Enum):
    """Whether a statement is asked for as one that counts, or as one that was taken back."""

    COUNTS = "counts"
    VOIDED = "voided"


class Breadth(Enum):
    """Whether a filter looks at the main parts of a statement, or at all."""

    MAIN = "main"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneStatement:
    """One statement, by its id."""

    statement_id: str
    voidness: Voidness
    form: Form = Form.EXACT
    attachments: Attachments = Attachments.LEFT_OUT


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Statements that all of the filters hold for; None is no filter.

    Parameters
    ----------
    agent : an agent or an identified group
    since_us, until_us : microseconds since 1970, of the time of storing; excluded and included
    limit : statements of a page, from 1 to ``limits.STATEMENTS_PAGE_MAX``
    """

    agent: Json | None = None
    agent_breadth: Breadth = Breadth.MAIN
    verb: str | None = None
    activity: str | None = None
    activity_breadth: Breadth = Breadth.MAIN
    registration: str | None = None
    since_us: int | None = None
    until_us: int | None = None
    limit: int = limits.STATEMENTS_PAGE_MAX
    form: Form = Form.EXACT
    attachments: Attachments = Attachments.LEFT_OUT
    order: Order = Order.NEWEST_FIRST


_SHOWN: Final = frozenset({"attachments", "format"})
_FILTERS: Final = _SHOWN | {
    "agent",
    "verb",
    "activity",
    "registration",
    "related_activities",
    "related_agents",
    "since",
    "until",
    "limit",
    "ascending",
}


def once_each(pairs: Iterable[tuple[str, str]], allowed: Collection[str]) -> dict[str, str]:
    """Return parameters by name; raise `RecordError` where one comes twice or is not allowed."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name not in allowed:
            raise RecordError(
                "", f"the request has a parameter that is none of {', '.join(sorted(allowed))}"
            )
        if name in found:
            raise RecordError(name, "comes more than once")
        found[name] = value
    return found


def statements_asked(pairs: Iterable[tuple[str, str]], version: Version) -> OneStatement | Search:
    """Return what the parameters of a GET of statements ask for (1.0.3, Communication, 2.1.3; 2.0, 4.1.6.1)."""
    given = once_each(pairs, _FILTERS | {"statementId", "voidedStatementId"})
    form = _form(given.get("format"))
    attachments = Attachments.INCLUDED if _flag(given, "attachments") else Attachments.LEFT_OUT
    for name, voidness in (
        ("statementId", Voidness.COUNTS),
        ("voidedStatementId", Voidness.VOIDED),
    ):
        if name in given:
            others = given.keys() - _SHOWN - {name}
            if others:
                raise RecordError(name, "may stand only with format and attachments")
            return OneStatement(
                statement_id=uuid_of(given, name),
                voidness=voidness,
                form=form,
                attachments=attachments,
            )
    return _search(given, version, form, attachments)


def _search(
    given: Mapping[str, str], version: Version, form: Form, attachments: Attachments
) -> Search:
    return Search(
        agent=person_of_parameter(given, "agent") if "agent" in given else None,
        agent_breadth=_breadth(given, "related_agents"),
        verb=iri_of(given, "verb") if "verb" in given else None,
        activity=iri_of(given, "activity") if "activity" in given else None,
        activity_breadth=_breadth(given, "related_activities"),
        registration=uuid_of(given, "registration") if "registration" in given else None,
        since_us=time_of(given, "since", version),
        until_us=time_of(given, "until", version),
        limit=_limit(given.get("limit")),
        form=form,
        attachments=attachments,
        order=Order.OLDEST_FIRST if _flag(given, "ascending") else Order.NEWEST_FIRST,
    )


def _form(text: str | None) -> Form:
    try:
        return Form.EXACT if text is None else Form(text)
    except ValueError:
        raise RecordError("format", f"must be one of {', '.join(Form)}") from None


def _breadth(given: Mapping[str, str], name: str) -> Breadth:
    return Breadth.ALL if _flag(given, name) else Breadth.MAIN


def _flag(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "false")
    if text not in ("true", "false"):
        raise RecordError(name, "must be true or false")
    return text == "true"


def _limit(text: str | None) -> int:
    """Return how many statements a page may have: zero, and too many, mean as many as the store gives."""
    if text is None:
        return limits.STATEMENTS_PAGE_MAX
    if not text.isascii() or not text.isdecimal() or len(text) > 10:
        raise RecordError("limit", "must be a whole number, not negative")
    return min(int(text) or limits.STATEMENTS_PAGE_MAX, limits.STATEMENTS_PAGE_MAX)


def uuid_of(given: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be a UUID, in small letters."""
    if not is_uuid(given[name]):
        raise RecordError(name, "must be a UUID")
    return given[name].lower()


def iri_of(given: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be an IRI."""
    if not is_iri(given[name]):
        raise RecordError(name, "must be an IRI with a scheme")
    return given[name]


def time_of(given: Mapping[str, str], name: str, version: Version) -> int | None:
    """Return the microseconds since 1970 of a parameter that must be a timestamp, None where it is not there."""
    if name not in given:
        return None
    if not is_timestamp(given[name], version):
        raise RecordError(name, "must be a timestamp; a plus sign in a URL is written %2B")
    return instant_us(given[name])


def agent_of(given: Mapping[str, str], name: str) -> Json:
    """Return a parameter that must be an agent, as JSON."""
    value = _json_of(given, name)
    try:
        check_agent(value)
    except RecordError as error:
        raise error.under(name) from None
    agent: Json = value  # type: ignore[assignment]  # it was checked
    return agent


def person_of_parameter(given: Mapping[str, str], name: str) -> Json:
    """Return a parameter that must be an agent or an identified group, as JSON."""
    value = _json_of(given, name)
    if not isinstance(value, dict) or value.get("objectType") != "Group":
        return agent_of(given, name)
    try:
        check_group(value)
    except RecordError as error:
        raise error.under(name) from None
    if is_anonymous(value):
        raise RecordError(name, "must be an agent, or a group with an identifier")
    return value


def _json_of(given: Mapping[str, str], name: str) -> object:
    try:
        value: object = read_json(given[name].encode())
    except (RecordError, UnicodeEncodeError):
        raise RecordError(name, "must be an agent as JSON") from None
    return value
