"""What a statement becomes when it is stored, and when two statements are the same.

The store completes a statement: an id, the time it was stored, that time as its timestamp where it names none, who
asserts it, its version (xAPI 1.0.3, Data, 2.4; 2.0, 4.2.4.2). Whatever else it says stays as it was sent, but for a
single context activity, which becomes an array of one, and for the timestamps of 2.0, which are told in UTC.

A statement that comes again under its id must be the same. What the store itself may have changed, what does not belong
to the statement (definitions of activities, displays of verbs, attachments) and what has several spellings (instants,
order of members) is left out of the comparison (Data, 2.3.1).
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from homeroom.records.contents import statement_parts
from homeroom.records.forms import instant_us, time_text, utc_form
from homeroom.records.people import Json
from homeroom.records.versions import Version

__all__ = ["Arrival", "are_same", "compared_form", "stored_form"]

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


@dataclass(frozen=True, slots=True)
class Arrival:
    """What the store adds to a statement: the time, who asserts it, and the version of the request."""

    stored_ms: int
    authority: Json
    version: Version


def stored_form(statement: Json, arrival: Arrival) -> Json:
    """Complete a statement that was checked and has an id; it is changed in place, and returned."""
    stored = time_text(arrival.stored_ms)
    statement["id"] = statement["id"].lower()
    if "timestamp" not in statement:
        statement["timestamp"] = stored
    statement["stored"] = stored
    statement["authority"] = arrival.authority
    statement.setdefault("version", arrival.version.of_statements)
    for part in statement_parts(statement):
        if arrival.version is Version.TWO and "timestamp" in part:
            part["timestamp"] = utc_form(part["timestamp"])
        context = part.get("context")
        activities = context.get("contextActivities") if context is not None else None
        if activities:
            for name, value in activities.items():
                if not isinstance(value, list):
                    activities[name] = [value]
    return statement


def are_same(kept: Json, sent: Json) -> bool:
    """Say whether a statement that is kept is the one that is sent again (Data, 2.3.1).

    Parameters
    ----------
    kept : in its stored form
    sent : as it came, checked
    """
    one, other = _comparable(kept), _comparable(sent)
    if "timestamp" not in sent:
        one.pop("timestamp", None)
    return one == other


def compared_form(sent: Json) -> bytes:
    """Return what is compared of a statement as it came, checked, as bytes: the same for one that comes again."""
    return _encode_sorted(_comparable(sent))


def _comparable(statement: Json) -> Json:
    """Return what of a statement is compared, spelled in one way."""
    found = {
        name: value
        for name, value in statement.items()
        if name not in ("id", "stored", "authority", "version", "attachments")
    }
    if "timestamp" in found:
        found["timestamp"] = instant_us(found["timestamp"])
    found["verb"] = statement["verb"]["id"]
    found["actor"] = _person(statement["actor"])
    found["object"] = _target(statement["object"])
    if "context" in found:
        found["context"] = _context(found["context"])
    return found


def _target(target: Json) -> Any:  # noqa: ANN401 - a comparable value
    kind = target.get("objectType", "Activity")
    if kind == "Activity":
        return ("Activity", target["id"])
    if kind in ("Agent", "Group"):
        return _person(target)
    if kind == "StatementRef":
        return (kind, target["id"].lower())
    return _comparable(target)


def _person(person: Json) -> Json:
    found = {"objectType": "Agent", **person}
    if "member" in found:
        found["member"] = sorted((_person(one) for one in found["member"]), key=repr)
    return dict(sorted(found.items()))


def _context(context: Json) -> Json:
    found = dict(context)
    for name in ("instructor", "team"):
        if name in found:
            found[name] = _person(found[name])
    for name, inner in (("contextAgents", "agent"), ("contextGroups", "group")):
        if name in found:
            found[name] = [{**one, inner: _person(one[inner])} for one in found[name]]
    for name in ("registration",):
        if name in found:
            found[name] = found[name].lower()
    if "statement" in found:
        found["statement"] = found["statement"]["id"].lower()
    found["contextActivities"] = {
        name: [one["id"] for one in (value if isinstance(value, list) else (value,))]
        for name, value in found.get("contextActivities", {}).items()
    }
    return found
