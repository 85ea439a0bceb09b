"""What the standard demands of a statement's form, as a table: a change to a sound statement, and what is answered.

The ids name the sections: Data of xAPI 1.0.3, with the number of the requirement in the public conformance suite where
it has one, and sections of 2.0 (IEEE 9274.1.1).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.serve.xapi.store import GONE, agent, changed, statement

ONE, TWO = "1.0.3", "2.0.0"
BOTH = (ONE, TWO)
UUID = "6690e6c9-3ef0-4ed3-8b37-7f3964730bee"
SHA2 = "495395e777cd98da653df9615d09c0fd6bb2f8d4788394cd53c56a3bfdcd848a"


class Case(NamedTuple):
    """A statement and the status that sending it is answered with."""

    section: str
    sent: Any
    status: int
    version: str

    @property
    def id(self) -> str:
        return f"{self.version} {self.section} {self.status}"

    @property
    def rule(self) -> str:
        """The section, with the number of the requirement where it has one."""
        section, number, *_ = self.section.split(" ")
        return f"{section} {number}" if number.startswith("XAPI-") else section


ATTACHMENT = {
    "usageType": "http://usage.example/certificate",
    "display": {"en-US": "A certificate"},
    "description": {"en-US": "Of having read"},
    "contentType": "text/plain; charset=ascii",
    "length": 27,
    "sha2": SHA2,
    "fileUrl": "https://files.example/1",
}
GROUP = {
    "objectType": "Group",
    "name": "Team",
    "mbox": "mailto:team@people.example",
    "member": [agent("bob")],
}
ANONYMOUS = {"objectType": "Group", "name": "Some", "member": [agent("bob"), agent("cat")]}
ACTIVITY = {
    "objectType": "Activity",
    "id": "http://things.example/quiz",
    "definition": {
        "name": {"en": "Quiz", "nb-NO": "Prøve"},
        "description": {"en": "A quiz"},
        "type": "http://types.example/quiz",
        "moreInfo": "https://things.example/quiz/about",
        "interactionType": "choice",
        "correctResponsesPattern": ["a[,]b"],
        "choices": [{"id": "a", "description": {"en": "A"}}, {"id": "b"}],
        "extensions": {"http://ext.example/level": None},
    },
}
CONTEXT = {
    "registration": UUID,
    "instructor": agent("ida"),
    "team": GROUP,
    "contextActivities": {
        "parent": [{"id": "http://things.example/course"}],
        "grouping": {"id": "http://things.example/school"},
        "category": [ACTIVITY],
        "other": [],
    },
    "revision": "2",
    "platform": "web",
    "language": "en-GB-oxendict",
    "statement": {"objectType": "StatementRef", "id": UUID},
    "extensions": {"http://ext.example/place": {"x": [None, 1.5]}},
}
RESULT = {
    "score": {"scaled": 0.5, "raw": 5, "min": 0, "max": 10},
    "success": True,
    "completion": False,
    "response": "a",
    "duration": "PT1H0M0.1S",
    "extensions": {},
}
FULL = statement(
    actor=agent("full"),
    object=ACTIVITY,
    result=RESULT,
    context=CONTEXT,
    timestamp="2026-03-01T12:00:00.123Z",
    attachments=[ATTACHMENT],
)
SUB = {
    "objectType": "SubStatement",
    "actor": agent("sub"),
    "verb": {"id": "http://verbs.example/plan"},
    "object": ACTIVITY,
    "context": CONTEXT,
    "result": RESULT,
    "timestamp": "2026-03-01T12:00:00+01:00",
}
WITH_SUB = statement(object=SUB)

NOT_TEXT = (12345, {"key": "value"}, None, True, ["a"])
NOT_OBJECT = ("text", 12345, None, True, ["a"])
NOT_IRI = ("should fail", "no-scheme", "", 12345, None, {"key": "value"})
NOT_UUID = (
    "AA97B177-9383-4934-8543-0F91A7A028368",
    "MA97B177-9383-4934-8543-0F91A7A02836",
    "AA97B177938349348543-0F91A7A02836",
    "",
    12345,
    None,
)
NOT_NUMBER = ("100", "one hundred", None, True, {})
NOT_TRUTH = ("true", "yes", 1, None)
NOT_LANGUAGES = ({}, "text", {"a12345": "x"}, {"something": "x"}, {"en": 1}, {"en": None}, None)

PERSONS = {
    "actor": FULL,
    "authority": {**FULL, "authority": agent("boss")},
    "context.instructor": FULL,
    "object": {**FULL, "object": agent("obj"), "context": {"registration": UUID}},
    "object.actor": WITH_SUB,
    "object.context.instructor": WITH_SUB,
}
"""Places of a statement in which an agent may stand."""


def table() -> list[Case]:
    """Return all cases, those of both versions twice."""
    return [
        Case(section, sent, status, version)
        for section, sent, status, versions in (
            *_whole(),
            *_persons(),
            *_groups(),
            *_objects(),
            *_definitions(),
            *_results(),
            *_contexts(),
            *_times(),
            *_attachments(),
            *_of_two(),
        )
        for version in versions
    ]


def _each(section: str, sent: Any, path: str, values: Any, status: int = 400) -> Iterator[Any]:
    for value in values:
        yield f"{section} {path} {value!r:.40}", changed(sent, path, value), status, BOTH


def _whole() -> Iterator[Any]:
    yield "2.2 a full statement", FULL, 200, BOTH
    yield "2.4.4.3 a SubStatement", WITH_SUB, 200, BOTH
    for name, section in (
        ("actor", "XAPI-00003"),
        ("verb", "XAPI-00004"),
        ("object", "XAPI-00005"),
    ):
        yield f"2.2.s2.b3 {section} no {name}", changed(FULL, name, GONE), 400, BOTH
        yield from _each("2.2.s4.b1 XAPI-00006", FULL, name, (*NOT_OBJECT, {}))
    yield "2.2.s4.b8 an unknown property", {**FULL, "dummy": 1}, 400, BOTH
    for name in ("Actor", "VERB", "objecT", "Context", "ID"):
        yield f"2.2.s4.b1.b5 XAPI-00008 {name}", {**FULL, name: FULL["actor"]}, 400, BOTH
    for path in ("actor.x", "verb.x", "object.x", "object.definition.x", "result.x"):
        yield f"2.2.s4.b8 unknown {path}", changed(FULL, path, "x"), 400, BOTH
    for path in ("result.score.x", "context.x", "context.contextActivities.x", "attachments.0.x"):
        yield f"2.2.s4.b8 unknown {path}", changed(FULL, path, "x"), 400, BOTH
    yield from _each("2.4.1 XAPI-00027", FULL, "id", NOT_UUID)
    yield from _each("2.4.3 XAPI-00045", FULL, "verb.id", NOT_IRI)
    yield "2.4.3 XAPI-00044 no id", changed(FULL, "verb.id", GONE), 400, BOTH
    yield from _each("2.4.3 4.2 XAPI-00121", FULL, "verb.display", NOT_LANGUAGES)
    yield from _each(
        "2.4.10 XAPI-00101", FULL, "version", ("should fail", "0.9.9", "1.1.0", 1, None)
    )
    yield from _each("2.4.10 XAPI-00101", FULL, "version", ("1.0", "1.0.9"), 200)
    yield "2.4.10 2.0 of a 1.0.3 request", {**FULL, "version": "2.0.0"}, 400, (ONE,)
    yield "4.2.4.3 2.0 of a 2.0 request", {**FULL, "version": "2.0.0"}, 200, (TWO,)
    for whole in ("text", 1, None, [[]], [1], [None]):
        yield f"2.2 XAPI-00014 {whole!r}", whole, 400, BOTH


def _persons() -> Iterator[Any]:
    good = (
        {"mbox": "mailto:ada@people.example"},
        {"mbox_sha1sum": "cd9b00a5611f94eaa7b1661edab976068e364975"},
        {"openid": "https://openid.example/ada"},
        {"account": {"homePage": "https://lms.example", "name": "ada"}},
    )
    two = [{**one, **other} for one in good for other in good if one is not other]
    for path, sent in PERSONS.items():
        for identifier in good:
            (name,) = identifier
            person = {"objectType": "Agent", **identifier}
            yield f"2.4.2.3 {path} {name}", changed(sent, path, person), 200, BOTH
        for pair in two:
            person = {"objectType": "Agent", **pair}
            yield (
                f"2.4.2.1 XAPI-00040 {path} {sorted(pair)}",
                changed(sent, path, person),
                400,
                BOTH,
            )
        for bad in (
            {},
            {"name": "Nobody"},
            {"mbox": "ada@people.example"},
            {"mbox": "mailto:ada"},
            {"mbox": 1},
            {"mbox": None},
            {"mbox_sha1sum": "cd9b00a5611f94eaa7b1661edab976068e36497"},
            {"mbox_sha1sum": 1},
            {"openid": "ada"},
            {"openid": None},
            {"account": "ada"},
            {"account": {"name": "ada"}},
            {"account": {"homePage": "https://lms.example"}},
            {"account": {"homePage": "lms", "name": "ada"}},
            {"account": {"homePage": "https://lms.example", "name": {"key": "x"}}},
            {"account": {"homePage": "https://lms.example", "name": "ada", "x": 1}},
            {**good[0], "name": None},
            {**good[0], "name": 1},
            {**good[0], "Name": "Ada"},
            {**good[0], "objectType": "agent"},
            {**good[0], "objectType": "notValid"},
            {**good[0], "objectType": 1},
            {**good[0], "member": [good[1]]},
        ):
            person = {"objectType": "Agent", **bad}
            yield f"2.4.2 XAPI-00038 {path} {bad!r:.60}", changed(sent, path, person), 400, BOTH
    yield "2.4.2.1 an agent needs no objectType", changed(FULL, "actor", good[0]), 200, BOTH


def _groups() -> Iterator[Any]:
    for path in ("actor", "context.team", "context.instructor"):
        yield f"2.4.2.2 {path} identified", changed(FULL, path, GROUP), 200, BOTH
        yield f"2.4.2.2 {path} anonymous", changed(FULL, path, ANONYMOUS), 200, BOTH
        for bad in (
            {"objectType": "Group", "name": "None"},
            {"objectType": "Group", "member": []},
            {"objectType": "Group", "member": agent()},
            {"objectType": "Group", "member": [GROUP]},
            {"objectType": "Group", "member": [ANONYMOUS]},
            {"objectType": "Group", "member": [{}]},
            {"objectType": "Group", "member": None},
            {"objectType": "group", "member": [agent()]},
            {**GROUP, "openid": "https://openid.example/team"},
            {**GROUP, "x": 1},
        ):
            yield f"2.4.2.2 XAPI-00041 {path} {bad!r:.60}", changed(FULL, path, bad), 400, BOTH
    yield "2.4.6 XAPI-00085 the team is a group", changed(FULL, "context.team", agent()), 400, BOTH
    boss = {**FULL, "authority": ANONYMOUS}
    yield "2.4.9 XAPI-00098 a group of two", boss, 200, BOTH
    three = [*ANONYMOUS["member"], agent("dan")]
    for members in (three, three[:1]):
        case = changed(boss, "authority.member", members)
        yield f"2.4.9 XAPI-00098 a group of {len(members)}", case, 400, BOTH
    yield "2.4.9 XAPI-00098 an identified group", {**FULL, "authority": GROUP}, 400, BOTH


def _objects() -> Iterator[Any]:
    plain = statement()
    reference = {"objectType": "StatementRef", "id": UUID}
    for kind, value in (("group", GROUP), ("anonymous group", ANONYMOUS), ("ref", reference)):
        yield f"2.4.4 {kind}", {**plain, "object": value}, 200, BOTH
    for value in ("activity", "Activities", "", 1, None, "Statement"):
        case = changed(plain, "object.objectType", value)
        yield f"2.4.4 XAPI-00047 objectType {value!r}", case, 400, BOTH
    yield from _each("2.4.4.1 XAPI-00048", plain, "object.id", NOT_IRI)
    yield "2.4.4.1 no id", {**plain, "object": {"objectType": "Activity"}}, 400, BOTH
    with_reference = {**plain, "object": reference}
    yield from _each("2.4.4.3 XAPI-00069", with_reference, "object.id", NOT_UUID)
    yield "2.4.4.3 no id", changed(with_reference, "object.id", GONE), 400, BOTH
    yield "2.4.4.3 more", changed(with_reference, "object.definition", {}), 400, BOTH
    for name in ("id", "stored", "version", "authority"):
        value = {"id": UUID, "stored": FULL["timestamp"], "version": "1.0.0", "authority": agent()}[
            name
        ]
        yield (
            f"2.4.4.3 XAPI-00071 {name} in a SubStatement",
            changed(WITH_SUB, f"object.{name}", value),
            400,
            BOTH,
        )
    yield "2.4.4.3 XAPI-00070 nested", changed(WITH_SUB, "object.object", SUB), 400, BOTH
    yield "2.4.4.3 a ref in it", changed(WITH_SUB, "object.object", reference), 400, BOTH
    nested = {**SUB, "object": reference, "context": {"registration": UUID}}
    yield "2.4.4.3 a ref in it, no revision", {**plain, "object": nested}, 200, BOTH
    for name in ("actor", "verb", "object"):
        yield f"2.4.4.3 no {name}", changed(WITH_SUB, f"object.{name}", GONE), 400, BOTH
    voided = {"id": "http://adlnet.gov/expapi/verbs/voided"}
    yield "2.3.2 XAPI-00019 voiding an activity", {**plain, "verb": voided}, 400, BOTH
    yield "2.3.2 XAPI-00017 voiding a ref", {**with_reference, "verb": voided}, 200, BOTH


def _definitions() -> Iterator[Any]:
    at = "object.definition"
    yield from _each("2.4.4.1 XAPI-00051", FULL, at, NOT_OBJECT)
    for name in ("name", "description"):
        yield from _each("2.4.4.1 XAPI-00053", FULL, f"{at}.{name}", NOT_LANGUAGES)
    for name in ("type", "moreInfo"):
        yield from _each("2.4.4.1 XAPI-00055", FULL, f"{at}.{name}", NOT_IRI)
    yield from _each("4.1 XAPI-00118", FULL, f"{at}.extensions", (*NOT_OBJECT, {"key": 1}))
    yield from _each(
        "4.1 XAPI-00119", FULL, f"{at}.extensions", ({}, {"http://x.example": None}), 200
    )
    kinds = (
        "true-false",
        "fill-in",
        "long-fill-in",
        "matching",
        "performance",
        "sequencing",
        "likert",
    )
    yield from _each(
        "2.4.4.1 XAPI-00058", FULL, f"{at}.interactionType", (*kinds, "numeric", "other"), 200
    )
    bad = ("Choice", "should fail", "http://types.example/choice", 1, None, {"key": "x"})
    yield from _each("2.4.4.1 XAPI-00058", FULL, f"{at}.interactionType", bad)
    yield from _each(
        "2.4.4.1 XAPI-00059", FULL, f"{at}.correctResponsesPattern", ("a", [1], None, {})
    )
    yield "2.4.4.1 no interactionType", changed(FULL, f"{at}.interactionType", GONE), 400, BOTH
    for name in ("choices", "scale", "source", "target", "steps"):
        good = [{"id": "a"}, {"id": "b", "description": {"en": "B"}}]
        yield from _each("2.4.4.1", FULL, f"{at}.{name}", (good,), 200)
        yield from _each(
            "2.4.4.1 XAPI-00061",
            FULL,
            f"{at}.{name}",
            (
                "a",
                ["a"],
                [{}],
                [{"id": 1}],
                [{"id": "a"}, {"id": "a"}],
                [{"id": "a", "x": 1}],
                None,
            ),
        )
        yield from _each(
            "2.4.4.1 XAPI-00062", FULL, f"{at}.{name}", ([{"id": "a", "description": "text"}],)
        )


def _results() -> Iterator[Any]:
    yield from _each("2.4.5", FULL, "result", NOT_OBJECT)
    for name in ("scaled", "raw", "min", "max"):
        yield from _each("2.4.5.1 XAPI-00081", FULL, f"result.score.{name}", NOT_NUMBER)
    yield from _each("2.4.5.1", FULL, "result.score", NOT_OBJECT)
    yield from _each("2.4.5.1 XAPI-00083", FULL, "result.score.scaled", (-1, 0, 1, 0.333), 200)
    yield from _each("2.4.5.1 XAPI-00083", FULL, "result.score.scaled", (1.01, -1.00001, 50))
    yield from _each("2.4.5.1 XAPI-00084", FULL, "result.score.raw", (0, 10, 9.5), 200)
    yield from _each("2.4.5.1 XAPI-00084", FULL, "result.score.raw", (-0.1, 10.1))
    yield from _each("2.4.5.1", FULL, "result.score.min", (10, 11))
    for name in ("success", "completion"):
        yield from _each("2.4.5 XAPI-00075", FULL, f"result.{name}", NOT_TRUTH)
    yield from _each("2.4.5 XAPI-00076", FULL, "result.response", NOT_TEXT)
    good = ("PT4H35M59.14S", "PT16559.14S", "P3Y1M29DT4H35M59.14S", "P3Y", "P4W", "PT0S", "P1DT1M")
    yield from _each("2.4.5 4.6 XAPI-00077", FULL, "result.duration", good, 200)
    bad = ("PA1H0M0S", "should fail", "P", "PT", "P1H", "1H", "P1YT", "P4W1D", "", 12345, None, {})
    yield from _each("2.4.5 4.6 XAPI-00077", FULL, "result.duration", bad)
    yield from _each("4.1 XAPI-00118", FULL, "result.extensions", (*NOT_OBJECT, {"key": 1}))


def _contexts() -> Iterator[Any]:
    yield from _each("2.4.6", FULL, "context", NOT_OBJECT)
    yield from _each("2.4.6 XAPI-00087", FULL, "context.registration", NOT_UUID)
    for name in ("revision", "platform"):
        yield from _each("2.4.6 XAPI-00088", FULL, f"context.{name}", NOT_TEXT)
        for kind, value in (("agent", agent()), ("group", GROUP), ("ref", CONTEXT["statement"])):
            case = statement(object=value, context={name: "1"})
            yield f"2.4.6 XAPI-00089 {name} with {kind}", case, 400, BOTH
        case = statement(object={**SUB, "object": agent(), "context": {name: "1"}})
        yield f"2.4.6 XAPI-00089 {name} in a SubStatement", case, 400, BOTH
    good = ("en", "nb-NO", "zh-Hant-TW", "de-1996", "sl-rozaj-biske", "x-klingon", "es-419")
    yield from _each("2.4.6 XAPI-00092", FULL, "context.language", good, 200)
    bad = ("a12345", "", "toolonglanguage", "en_US", "e", 1, None, {})
    yield from _each("2.4.6 XAPI-00092", FULL, "context.language", bad)
    yield from _each("2.4.6 XAPI-00093", FULL, "context.statement", (*NOT_OBJECT, {}, agent()))
    yield from _each("4.1 XAPI-00118", FULL, "context.extensions", (*NOT_OBJECT, {"key": 1}))
    around = "context.contextActivities"
    yield from _each("2.4.6.2", FULL, around, NOT_OBJECT)
    for name in ("parent", "grouping", "category", "other"):
        one = {"id": "http://things.example/x"}
        yield from _each(
            "2.4.6.2 XAPI-00094", FULL, f"{around}.{name}", (one, [one], [one, ACTIVITY]), 200
        )
        bad = ("x", 1, None, {}, [{}], [agent()], [one, "x"], {**one, "id": "x"})
        yield from _each("2.4.6.2 XAPI-00094", FULL, f"{around}.{name}", bad)


def _times() -> Iterator[Any]:
    for path, sent in (("timestamp", FULL), ("object.timestamp", WITH_SUB)):
        good = (
            "2008-09-15T15:53:00.601Z",
            "2008-09-15 15:53:00.601+00:00",
            "2008-09-15T15:53:00+05:30",
        )
        yield from _each("4.5 XAPI-00123", sent, path, good, 200)
        bad = (
            "01/011/2015",
            "should fail",
            "2008-09-15T15:53:00.601-00",
            "2008-09-15T15:53:00.601-0000",
            "2008-09-15T15:53:00.601-00:00",
            "2008-13-15T15:53:00Z",
            "2008-02-30T15:53:00Z",
            "2008-09-15T25:53:00Z",
            "",
            12345,
            None,
        )
        yield from _each("4.5 XAPI-00123", sent, path, bad)
        for text in ("2008-09-15T15:53:00", "2008-09-15T15:53:00+0530", "2008-09-15T15:53+05"):
            case = changed(sent, path, text)
            yield f"4.5 ISO 8601 {path} {text}", case, 200, (ONE,)
            yield f"4.2.7 RFC 3339 {path} {text}", case, 400, (TWO,)
    future = changed(FULL, "timestamp", "2099-01-01T00:00:00Z")
    yield "2.4.7 XAPI-00095 from the future", future, 200, BOTH
    yield from _each("2.4.8", FULL, "stored", ("should fail", None))


def _attachments() -> Iterator[Any]:
    yield from _each("2.4.11", FULL, "attachments", ("x", 1, None, {}, [1], [{}]))
    for name in ("usageType", "display", "contentType", "length", "sha2"):
        case = changed(FULL, f"attachments.0.{name}", GONE)
        yield f"2.4.11 XAPI-00103 no {name}", case, 400, BOTH
    yield "2.4.11 no description", changed(FULL, "attachments.0.description", GONE), 200, BOTH
    for name in ("usageType", "fileUrl"):
        yield from _each("2.4.11 XAPI-00104", FULL, f"attachments.0.{name}", NOT_IRI)
    for name in ("display", "description"):
        yield from _each("2.4.11 XAPI-00105", FULL, f"attachments.0.{name}", NOT_LANGUAGES)
    yield from _each("2.4.11 XAPI-00106", FULL, "attachments.0.contentType", NOT_TEXT)
    yield from _each("2.4.11 XAPI-00107", FULL, "attachments.0.length", ("27", 1.5, -1, None, True))
    yield from _each("2.4.11 XAPI-00108", FULL, "attachments.0.sha2", ("x", SHA2[1:], 1, None))


def _of_two() -> Iterator[Any]:
    """Contexts of 2.0, 4.2.2.5."""
    one = {"objectType": "contextAgent", "agent": agent("ctx")}
    many = {"objectType": "contextGroup", "group": GROUP}
    types = ["http://types.example/mentor"]
    for path, sent in (("context", FULL), ("object.context", WITH_SUB)):
        for name, good, inner in (
            ("contextAgents", one, "agent"),
            ("contextGroups", many, "group"),
        ):
            at = f"{path}.{name}"
            section = f"4.2.2.5 {at}"
            yield f"{section} plain", changed(sent, at, [good]), 200, (TWO,)
            typed = changed(sent, at, [{**good, "relevantTypes": types}])
            yield f"{section} with types", typed, 200, (TWO,)
            yield f"{section} under 1.0.3", changed(sent, at, [good]), 400, (ONE,)
            for bad in (
                good,
                "x",
                [1],
                [{**good, "objectType": "Should fail"}],
                [{**good, inner: {"key": "x"}}],
                [{**good, "relevantTypes": []}],
                [{**good, "relevantTypes": ["abc"]}],
                [{**good, "x": 1}],
                [{"objectType": good["objectType"]}],
                [{inner: good[inner]}],
            ):
                yield f"{section} {bad!r:.70}", changed(sent, at, bad), 400, (TWO,)
