"""Statements, log lines and rows as the platforms write them, small enough to read in a test."""

import copy
import json
from collections.abc import Mapping
from typing import Any

from homeroom.events.model import Decoded, RawEvents

STATEMENT: dict[str, Any] = {
    "id": "9dc99b37-e920-4a68-a066-917faca28949",
    "actor": {
        "objectType": "Agent",
        "account": {"name": "learner-17", "homePage": "https://lms.example"},
    },
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en": "completed"}},
    "object": {
        "objectType": "Activity",
        "id": "https://lms.example/video/1",
        "definition": {"type": "https://w3id.org/xapi/video/activity-type/video"},
    },
    "context": {
        "contextActivities": {
            "parent": [
                {
                    "id": "https://lms.example/course/c1",
                    "definition": {"type": "http://adlnet.gov/expapi/activities/course"},
                }
            ]
        }
    },
    "timestamp": "2024-03-12T14:05:33Z",
}

LOG_LINE: dict[str, Any] = {
    "username": "jane",
    "event_type": "problem_check",
    "event_source": "server",
    "time": "2024-03-12T14:05:33.123456+00:00",
    "ip": "192.0.2.7",
    "host": "courses.example",
    "page": "x_module",
    "context": {
        "user_id": 17,
        "course_id": "course-v1:Org+C1+R1",
        "module": {"usage_key": "block-v1:Org+C1+R1+type@problem+block@abc"},
    },
    "event": {"grade": 1, "max_grade": 2, "success": "incorrect"},
}

LOGSTORE_ROW: dict[str, Any] = {
    "id": 901,
    "eventname": "\\mod_quiz\\event\\attempt_submitted",
    "component": "mod_quiz",
    "action": "submitted",
    "target": "attempt",
    "objecttable": "quiz_attempts",
    "objectid": 44,
    "contextlevel": 70,
    "contextinstanceid": 12,
    "userid": 5,
    "courseid": 3,
    "relateduserid": None,
    "other": "N;",
    "timecreated": 1710252333,
    "ip": "192.0.2.7",
    "realuserid": None,
}

EXPORT_ROW: dict[str, str] = {
    "Time": "12/03/24, 14:05:33",
    "User full name": "Jane Doe",
    "Affected user": "-",
    "Event context": "Quiz: Week 1",
    "Component": "Quiz",
    "Event name": "Course module viewed",
    "Description": "The user with id '5' viewed the 'quiz' activity with course module id '12'.",
    "Origin": "web",
    "IP address": "192.0.2.7",
}


def changed(sample: Mapping[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy of the sample with one value changed; the path has dots. `KeyError` as value removes it."""
    copied = copy.deepcopy(dict(sample))
    *parents, last = path.split(".")
    place: Any = copied
    for part in parents:
        place = place.setdefault(part, {})
    if value is KeyError:
        place.pop(last, None)
    else:
        place[last] = value
    return copied


def lines(*samples: Mapping[str, Any]) -> bytes:
    """Write samples as JSON lines."""
    return b"".join(json.dumps(sample).encode() + b"\n" for sample in samples)


def column(events: RawEvents, name: str) -> list[Any]:
    """Return a column as a plain list, whatever form the codec gave it."""
    found = getattr(events, name)
    if found is None or isinstance(found, str):
        return [found] * len(events)
    if hasattr(found, "to_pylist"):
        return list(found.to_pylist())
    return list(found.tolist() if hasattr(found, "tolist") else found)


def only(decoded: Decoded, name: str) -> object:
    """Return the one event's value of a column."""
    assert len(decoded.events) == 1, decoded.rejects
    return column(decoded.events, name)[0]


def reasons(decoded: Decoded) -> list[tuple[int, str]]:
    """Return line and reason of each reject."""
    return [(reject.line, reject.reason.value) for reject in decoded.rejects]
