"""A statement with a mark in every property that it may have."""

import hashlib
from typing import Any

from tests.privacy.marks import Marks

__all__ = ["UUID", "full_statement", "plain_statement"]

UUID = "6690e6c9-3ef0-4ed3-8b37-7f396473{:04d}"


def plain_statement() -> dict[str, Any]:
    """Return a statement that names somebody whom nobody looks for."""
    return {
        "actor": {"mbox": "mailto:a@b.example"},
        "verb": {"id": "http://v.example/read"},
        "object": {"id": "http://x.example/y"},
    }


def full_statement(m: Marks, data: bytes) -> dict[str, Any]:
    """Return a statement with a mark in every property; ``data`` is of its attachment."""

    def iri(place: str) -> str:
        return f"http://x.example/{m('xapi.' + place)}"

    def words(place: str) -> dict[str, str]:
        return {"en": m.accented("xapi." + place)}

    def agent(place: str) -> dict[str, Any]:
        return {
            "objectType": "Agent",
            "name": m.accented(f"xapi.{place}.name"),
            "mbox": f"mailto:{m(f'xapi.{place}.mbox')}@x.example",
        }

    account = {
        "objectType": "Agent",
        "account": {"homePage": iri("member.homePage"), "name": m("xapi.member.account")},
    }
    return {
        **plain_statement(),
        "id": UUID.format(1),
        "actor": agent("actor"),
        "verb": {"id": iri("verb"), "display": words("verb.display")},
        "object": {
            "id": iri("activity"),
            "definition": {
                "name": words("activity.name"), "description": words("activity.description"),
                "type": iri("activity.type"), "moreInfo": iri("activity.moreInfo"),
                "interactionType": "fill-in", "correctResponsesPattern": [m("xapi.activity.pattern")],
                "extensions": {iri("activity.extension name"): {"a": [m("xapi.activity.extension")]}},
            },
        },
        "result": {
            "response": m.accented("xapi.response"), "success": True, "score": {"scaled": 0.5},
            "extensions": {iri("result.extension name"): m("xapi.result.extension")},
        },
        "context": {
            "instructor": agent("instructor"),
            "team": {"objectType": "Group", "name": m("xapi.team.name"), "member": [account]},
            "registration": UUID.format(2), "platform": m("xapi.platform"), "revision": m("xapi.revision"),
            "language": "en",
            "contextActivities": {
                "grouping": [{"id": iri("grouping"), "definition": {"name": words("grouping.name")}}]
            },
            "extensions": {iri("context.extension name"): m("xapi.context.extension")},
        },
        "authority": agent("authority"),
        "attachments": [{
            "usageType": iri("attachment.usage"), "display": words("attachment.display"),
            "description": words("attachment.description"), "contentType": "text/plain", "length": len(data),
            "sha2": hashlib.sha256(data).hexdigest(), "fileUrl": iri("attachment.url"),
        }],
    }  # fmt: skip
