"""The texts of a generated log: CSV with the event model's names, and xAPI statements.

A statement has what xAPI 1.0.3 (part 2, section 2.4) asks for, in the order in which people write it: id, actor with
an account, verb with a display, object with a definition, result, context, timestamp. Videos follow the xAPI video
profile in verbs, types and extensions. ``version`` is 1.0.3, which a 2.0 store takes as well.
"""

import json
from typing import Any, Final

from homeroom.simulation.curriculum import (
    ACTIVITIES,
    COUNTRIES,
    ISSUER,
    PLATFORMS,
    VERBS,
    Activity,
    Kind,
    activity_of,
)
from homeroom.simulation.results import Result, results
from homeroom.simulation.texts import Fixed, LineFormat, Pieces

__all__ = ["COUNTRY_EXTENSION", "CSV_COLUMNS", "csv_format", "xapi_format"]

CSV_COLUMNS: Final = (
    "account", "issuer", "time", "verb", "activity", "course", "id", "score", "success", "completion", "progress",
    "country", "platform",
)  # fmt: skip
"""The header of a CSV file, in its order."""

COUNTRY_EXTENSION: Final = f"{ISSUER}/xapi/extensions/country"
_VIDEO: Final = "https://w3id.org/xapi/video"
_VIDEO_SECONDS: Final = 420
_TYPES: Final = {
    "course": "http://adlnet.gov/expapi/activities/course",
    "video": f"{_VIDEO}/activity-type/video",
    "page": "https://w3id.org/xapi/acrossx/activities/webpage",
    "problem": "http://adlnet.gov/expapi/activities/question",
    "thread": "http://id.tincanapi.com/activitytype/discussion",
}


def csv_format(courses: int) -> LineFormat:
    """Return the format of a CSV line; no value needs quotes."""
    return LineFormat(
        [
            Fixed.ACCOUNT,
            f",{ISSUER},",
            Fixed.TIME,
            Pieces("kind", [f",{verb}," for verb in VERBS]),
            Pieces("activity", [f"{a.iri},{a.course}," for a in _activities(courses)]),
            Fixed.EVENT_ID,
            Pieces("result", [_csv_result(result) for result in results()]),
            Pieces("country", [f"{code}," for code, _, _ in COUNTRIES]),
            Pieces("platform", [f"{platform}\n" for platform in PLATFORMS]),
        ]
    )


def xapi_format(courses: int) -> LineFormat:
    """Return the format of a statement, one a line."""
    actor = {"homePage": ISSUER, "name": "@"}
    account = _json({"objectType": "Agent", "account": actor}).split("@")
    return LineFormat(
        [
            '{"id":"',
            Fixed.EVENT_ID,
            f'","actor":{account[0]}',
            Fixed.ACCOUNT,
            f'{account[1]},"verb":',
            Pieces("kind", [_verb(Kind(kind), verb) for kind, verb in enumerate(VERBS)]),
            ',"object":',
            Pieces("activity", [_object(a) for a in _activities(courses)]),
            Pieces("result", [_xapi_result(result) for result in results()]),
            ',"context":{"platform":"',
            Pieces("platform", PLATFORMS),
            f'","extensions":{{"{COUNTRY_EXTENSION}":"',
            Pieces("country", [code for code, _, _ in COUNTRIES]),
            '"},"contextActivities":',
            Pieces("activity", [_context_activities(a) for a in _activities(courses)]),
            '},"timestamp":"',
            Fixed.TIME,
            '","version":"1.0.3"}\n',
        ]
    )


def _activities(courses: int) -> list[Activity]:
    return [activity_of(number) for number in range(courses * ACTIVITIES)]


def _csv_result(result: Result) -> str:
    cells = (result.score, result.success, result.completion, result.progress)
    return "," + "".join("," if cell is None else f"{_json(cell)}," for cell in cells)


def _verb(kind: Kind, verb: str) -> str:
    display = "completed" if kind in (Kind.WATCHED, Kind.PASSED) else kind.name.lower()
    return _json({"id": verb, "display": {"en-US": display}})


def _object(activity: Activity) -> str:
    definition = {"name": {"en-US": activity.name}, "type": _TYPES[activity.kind]}
    return _json({"objectType": "Activity", "id": activity.iri, "definition": definition})


def _context_activities(activity: Activity) -> str:
    course = {
        "objectType": "Activity",
        "id": activity.course,
        "definition": {"type": _TYPES["course"]},
    }
    activities: dict[str, Any] = {"parent": [course]}
    if activity.kind == "course":
        activities = {"grouping": [course]}
    if activity.kind == "video":
        activities["category"] = [{"objectType": "Activity", "id": _VIDEO}]
    return _json(activities)


def _xapi_result(result: Result) -> str:
    written: dict[str, Any] = {}
    if result.score is not None:
        written["score"] = {"scaled": result.score}
    if result.success is not None:
        written["success"] = result.success
    if result.completion is not None:
        written["completion"] = result.completion
    extensions = {}
    if result.position is not None:
        extensions[f"{_VIDEO}/extensions/time"] = round(result.position * _VIDEO_SECONDS, 1)
    if result.progress is not None:
        extensions[f"{_VIDEO}/extensions/progress"] = result.progress
    if extensions:
        written["extensions"] = extensions
    return f',"result":{_json(written)}' if written else ""


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
