"""Nothing that is written names a person, unless it was asked for: all files of all commands are searched for that.

A name, a mail address and an account are planted wherever a platform may put them, in good lines and in broken ones.
Then everything that any command writes is searched, byte by byte, and Parquet value by value; for the texts as they
are, in other letters, and for the plain digests that would give them away just as well.
"""

import base64
import copy
import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import homeroom as hr
from homeroom.cli import main, status
from tests.events.samples_codecs import EXPORT_ROW, LOG_LINE, LOGSTORE_ROW, STATEMENT, changed

NAME, MAIL, ACCOUNT = "Zacharias Quillfeather", "zq.pen@planted.example", "acct-zquill-77"
PLANTED = (NAME, "Quillfeather", MAIL, "zq.pen", ACCOUNT)
FINE = (status.CLEAN, status.REJECTS_MET)


def forms(text: str) -> set[bytes]:
    """Return the bytes in which a text could be written down."""
    found = {text.encode(), text.encode("utf-16-le"), text.replace("@", "%40").encode()}
    for plain in (text, f"mailto:{text}"):
        raw = plain.encode()
        found.add(base64.b64encode(raw).rstrip(b"=")[: len(raw)])
        for digest in (hashlib.md5(raw), hashlib.sha1(raw), hashlib.sha256(raw)):
            found |= {digest.digest(), digest.hexdigest().encode()}
    return {form.lower() for form in found}


FORMS = {form: text for text in PLANTED for form in forms(text)}


def contents(path: Path) -> list[bytes]:
    """Return what is in a file: its bytes, and what is packed in it."""
    raw = path.read_bytes()
    found = [raw]
    if raw[:4] == b"PAR1":
        table = pq.read_table(path)
        found += [
            str(table.schema).encode(),
            *(repr(c.to_pylist()).encode() for c in table.columns),
        ]
    if raw[:2] == b"\x1f\x8b":
        found.append(gzip.decompress(raw))
    return found


def who_is_named(folder: Path) -> dict[str, set[str]]:
    """Search every file of a folder, and its name; return what was found where."""
    found: dict[str, set[str]] = {}
    for path in (p for p in folder.rglob("*") if p.is_file()):
        for part in (str(path.relative_to(folder)).encode(), *contents(path)):
            low = part.lower()
            hits = {text for form, text in FORMS.items() if form in low}
            if hits:
                found.setdefault(str(path.relative_to(folder)), set()).update(hits)
    return found


def csv(rows: list[dict[str, Any]]) -> str:
    head = ",".join(f'"{name}"' for name in rows[0])
    cells = (",".join(f'"{"" if v is None else v}"' for v in row.values()) for row in rows)
    return "\n".join([head, *cells]) + "\n"


def ndjson(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def statements() -> list[dict[str, Any]]:
    home = {"homePage": "https://lms.example", "name": ACCOUNT}
    actors: list[dict[str, Any]] = [
        {"account": home, "name": NAME},
        {"mbox": f"mailto:{MAIL}", "name": NAME},
        {"mbox_sha1sum": hashlib.sha1(f"mailto:{MAIL}".encode()).hexdigest()},
        {"openid": f"https://id.example/{ACCOUNT}"},
        {"account": {**home, "name": MAIL}},
    ]
    found = []
    for number, actor in enumerate(actors):
        one = copy.deepcopy(STATEMENT)
        one |= {"id": f"{number:08x}-e920-4a68-a066-917faca28949", "actor": actor}
        one["context"] |= {
            "instructor": actor,
            "team": {"objectType": "Group", **actor},
            "extensions": {"https://x.example/mail": MAIL, "https://x.example/name": NAME},
        }
        one["result"] = {
            "response": f"{NAME} <{MAIL}>",
            "extensions": {"https://x.example/a": ACCOUNT},
        }
        one["object"] = {**one["object"], "id": f"https://lms.example/profile?mail={MAIL}"}
        found += [one, changed(one, "timestamp", "yesterday"), changed(one, "timestamp", KeyError)]
        found.append(changed({**one, "id": None}, "actor.name", 7))
        for kind in ("fill-in", "long-fill-in", "numeric", "other"):
            found.append(changed(one, "object.definition.interactionType", kind))
        for kind, response in (("choice", MAIL), ("likert", f"{actor.get('name')} {MAIL}")):
            chosen = changed(one, "object.definition.interactionType", kind)
            found.append(changed(chosen, "result.response", response))
    own = changed(STATEMENT, "actor.account.name", ACCOUNT)
    found.append(changed(own, "object.id", f"https://lms.example/users/{ACCOUNT}/badge"))
    module = {"type": "http://adlnet.gov/expapi/activities/module"}
    places = [{"id": f"https://lms.example/u/{ACCOUNT}", "definition": module}]
    found.append(changed(own, "context.contextActivities.grouping", places))
    chosen = changed(own, "object.definition.interactionType", "choice")
    found.append(changed(chosen, "result.response", ["of", ACCOUNT]))
    return found


def log_lines() -> list[dict[str, Any]]:
    one = changed(LOG_LINE, "username", ACCOUNT)
    one["event"] |= {"email": MAIL, "name": NAME, "answers": {"q1": NAME}}
    mailed = changed(one, "username", MAIL)
    typed = [
        changed(
            one,
            "event.submission",
            {"q1": {"response_type": kind, "answer": f"{NAME} {MAIL} {ACCOUNT}"}},
        )
        for kind in ("stringresponse", "numericalresponse", "customresponse", "choiceresponse")
    ]
    typed.append({**one, "page": f"https://lms.example/courses/a/b/c/courseware/{ACCOUNT}/"})
    asked = {**one, "event": json.dumps({"user": NAME, "code": MAIL}), "event_source": "browser"}
    return [
        one,
        mailed,
        asked,
        *typed,
        changed(one, "time", NAME),
        changed(one, "context.user_id", MAIL),
    ]


SOURCES = {
    "statements.ndjson": ndjson(statements())
    + f'{{"actor": {{"name": "{NAME}", "mbox": "{MAIL}"\n',
    "statements.json": json.dumps(statements()),
    "edx.log": ndjson(log_lines()) + f"{NAME} {MAIL}\n",
    "export.csv": csv(
        [
            {**EXPORT_ROW, "User full name": NAME, "Affected user": NAME},
            {**EXPORT_ROW, "User full name": NAME, "Event context": f"User: {NAME} {MAIL}"},
            {**EXPORT_ROW, "User full name": NAME, "Time": NAME},
        ]
    ),
    "logstore.ndjson": ndjson(
        [{**LOGSTORE_ROW, "other": f'a:1:{{s:4:"name";s:22:"{NAME}";}}', "ip": MAIL}]
    ),
    "table.csv": csv(
        [
            {"account": ACCOUNT, "time": "2024-03-01T08:00:00Z", "verb": "played", "name": NAME},
            {"account": MAIL, "time": "2024-03-02T08:00:00Z", "verb": "played", "name": NAME},
            {"account": ACCOUNT, "time": NAME, "verb": "played", "name": NAME},
            {"account": ACCOUNT, "time": "2024-03-03T08:00:00Z", "verb": MAIL, "name": NAME},
        ]
    ),
    "answers.csv": csv(
        [
            {"account": ACCOUNT, "time": "2024-03-01T08:00:00Z", "section": ACCOUNT, "answer": "a"},
            {"account": ACCOUNT, "time": "2024-03-02T08:00:00Z", "section": MAIL, "answer": MAIL},
            {"account": ACCOUNT, "time": "2024-03-03T08:00:00Z", "section": "", "answer": ACCOUNT},
        ]
    ),
}


@pytest.fixture
def sources(tmp_path) -> list[str]:
    """Write all sources; return their paths."""
    place = tmp_path / "in"
    place.mkdir()
    for name, text in SOURCES.items():
        (place / name).write_text(text)
    table = {"account": [ACCOUNT, MAIL], "time": [1_709_280_000_000] * 2, "verb": ["played"] * 2}
    pq.write_table(
        pa.table({**table, "email": [MAIL, None], "name": [NAME, None], "country": ["DE", MAIL]}),
        place / "table.parquet",
        compression="zstd",
    )
    return sorted(str(path) for path in place.iterdir())


def test_the_search_finds_what_is_planted(sources, tmp_path):
    found = who_is_named(tmp_path / "in")
    assert set(found) == {Path(path).name for path in sources}
    assert set(PLANTED) <= found["statements.ndjson"]
    assert set(PLANTED) <= found["table.parquet"], "values that are packed are found, too"


def test_nothing_that_is_written_names_anybody(sources, tmp_path, capfd, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)  # where rejects are written if nobody says where
    data = ("--data", "data")
    for command in (
        ("analyze", *sources, "--key", "key", "--html", "page.html", "--json", "all.json"),
        ("query", "retention", *sources, "--key", "key", "--rejects", "other.ndjson"),
        ("load", "data", *sources),
        ("load", "data", *sources, "--json", "loaded.json"),
        ("query", "retention", *data, "--csv", "r.csv", "--parquet", "r.parquet"),
        ("query", "active", *data, "--breakdown", "verb", "--json", "v.json"),
        ("query", "stickiness", *data, "--breakdown", "activity", "--csv", "a.csv"),
        ("query", "lifecycle", *data, "--breakdown", "country", "--json", "c.json"),
        ("query", "active", *data, "--breakdown", "answer", "--json", "answers.json"),
        ("query", "active", *data, "--breakdown", "section", "--csv", "sections.csv"),
        ("query", "retention", *data, "--entry-verb", "unheard-of"),
    ):
        assert main(command) in FINE, command
    (out / "stdout").write_text((said := capfd.readouterr()).out)
    (out / "stderr").write_text(said.err)
    source = hr.open("data").source
    assert source.events_accepted >= 20
    assert source.events_rejected >= 10
    assert (out / "other.ndjson").stat().st_size > 0
    assert who_is_named(out) == {}


def test_names_stand_in_their_own_file_where_they_were_asked_for(sources, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    for name in ("names.csv", "names.parquet"):
        assert main(("load", name.replace(".", "-"), *sources, "--names", name)) in FINE
        assert (out / name).stat().st_mode & 0o777 == 0o600
    found = who_is_named(out)
    assert set(found) == {"names.csv", "names.parquet"}
    assert {ACCOUNT, MAIL} <= found["names.csv"] & found["names.parquet"]
    assert len(pq.read_table("names.parquet")) == hr.open("names-csv").source.learners
