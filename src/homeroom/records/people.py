"""Agents and groups: what makes one, who it is, and how it is written.

A person is known by exactly one identifier: a mail address, the SHA-1 of one, an OpenID, or an account somewhere. Two
forms of a person with the same identifier are the same person, whatever name they carry. The identifier becomes an
issuer and an account, the same two that the analytic events are made from (`homeroom.events.xapi`), so that a learner
has one pseudonym in both.
"""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from homeroom import limits
from homeroom.errors import RecordError
from homeroom.records.forms import is_iri, is_mailbox, is_sha1

__all__ = [
    "IDENTIFIERS",
    "Json",
    "check_agent",
    "check_group",
    "check_person",
    "identity_of",
    "is_anonymous",
    "person_of",
]

Json: TypeAlias = dict[str, Any]
"""A decoded JSON object."""

IDENTIFIERS: Final = ("account", "mbox", "mbox_sha1sum", "openid")
_AGENT_ONLY: Final = frozenset({"objectType", "name", *IDENTIFIERS})
_GROUP_ONLY: Final = _AGENT_ONLY | {"member"}


def check_person(value: object) -> None:
    """Raise `RecordError` unless it is an agent or a group (xAPI 1.0.3, Data, 2.4.2; 2.0, 4.2.2.1)."""
    if isinstance(value, dict) and value.get("objectType") == "Group":
        check_group(value)
    else:
        check_agent(value)


def check_agent(value: object) -> None:
    """Raise `RecordError` unless it is an agent: exactly one identifier (Data, 2.4.2.1)."""
    if not isinstance(value, dict):
        raise RecordError("", "must be an object")
    if value.get("objectType", "Agent") != "Agent":
        raise RecordError("objectType", "must be Agent or Group, in these letters")
    if not value.keys() <= _AGENT_ONLY:
        raise RecordError("", "has a property that an agent may not have")
    _check_identifier(value)
    _check_name(value)


def check_group(value: object) -> None:
    """Raise `RecordError` unless it is a group: members, or one identifier, or both (Data, 2.4.2.2)."""
    if not isinstance(value, dict):
        raise RecordError("", "must be an object")
    if value.get("objectType") != "Group":
        raise RecordError("objectType", "must be Group")
    if not value.keys() <= _GROUP_ONLY:
        raise RecordError("", "has a property that a group may not have")
    members = value.get("member")
    if not is_anonymous(value):
        _check_identifier(value)
    elif "member" not in value:
        raise RecordError("member", "is missing; a group without an identifier needs members")
    _check_name(value)
    if "member" in value:
        _check_members(members, value)


def _check_members(members: object, group: Json) -> None:
    if not isinstance(members, list):
        raise RecordError("member", "must be an array of agents")
    if not members and is_anonymous(group):
        raise RecordError("member", "is empty; a group without an identifier needs members")
    if len(members) > limits.MEMBERS_MAX:
        raise RecordError("member", f"has more than {limits.MEMBERS_MAX:,} agents")
    for place, member in enumerate(members):
        try:
            check_agent(member)
        except RecordError as error:
            raise error.under(f"member[{place}]") from None


def is_anonymous(group: Json) -> bool:
    """Say whether a group has no identifier of its own."""
    return not any(name in group for name in IDENTIFIERS)


def _check_name(value: Json) -> None:
    if "name" in value and not isinstance(value["name"], str):
        raise RecordError("name", "must be text")


def _check_identifier(value: Json) -> None:
    """Check that there is one inverse functional identifier, and its form (Data, 2.4.2.3)."""
    named = [name for name in IDENTIFIERS if name in value]
    if len(named) != 1:
        raise RecordError("", "must have exactly one of mbox, mbox_sha1sum, openid and account")
    name, given = named[0], value[named[0]]
    if name == "account":
        try:
            _check_account(given)
        except RecordError as error:
            raise error.under("account") from None
    elif not isinstance(given, str):
        raise RecordError(name, "must be text")
    elif name == "mbox" and not is_mailbox(given):
        raise RecordError(name, "must be a mail address of the form mailto:…@…")
    elif name == "mbox_sha1sum" and not is_sha1(given):
        raise RecordError(name, "must be 40 hexadecimal digits")
    elif name == "openid" and not is_iri(given):
        raise RecordError(name, "must be an IRI with a scheme")


def _check_account(account: object) -> None:
    if not isinstance(account, dict):
        raise RecordError("", "must be an object")
    if not account.keys() <= {"homePage", "name"}:
        raise RecordError("", "has a property that an account may not have")
    name, home_page = account.get("name"), account.get("homePage")
    if not isinstance(home_page, str) or not is_iri(home_page):
        raise RecordError("homePage", "must be an IRL with a scheme")
    if not isinstance(name, str) or not name:
        raise RecordError("name", "must be text, and not empty")


def identity_of(person: Json) -> tuple[str, str]:
    """Return issuer and account of a person who was checked: what a pseudonym is made from."""
    account = person.get("account")
    if account is not None:
        return account["homePage"], account["name"]
    mailbox = person.get("mbox")
    if mailbox is not None:
        return "mailto", mailbox[len("mailto:") :]
    digest = person.get("mbox_sha1sum")
    if digest is not None:
        return "mbox_sha1sum", digest.lower()
    return "openid", person["openid"]


def person_of(agent: Json, portraits: Iterable[Json]) -> Json:
    """Return the Person object of an agent: all that its known forms say (1.0.3, Communication, 2.4; 2.0, 4.1.6.3).

    Parameters
    ----------
    agent : as asked for
    portraits : forms of the same person that statements carried, in any order
    """
    values: dict[str, list[Any]] = {}
    for portrait in (agent, *portraits):
        for name in ("name", *IDENTIFIERS):
            if name in portrait and portrait[name] not in values.setdefault(name, []):
                values[name].append(portrait[name])
    return {
        "objectType": "Person",
        **{name: found[: limits.PORTRAITS_SHOWN_MAX] for name, found in values.items()},
    }
