"""Marks go in through every entrance of a node, and are looked for in every byte that it leaves and every answer.

What is found where it may be stands in the tables here, each with the reason. Everything else is a leak.
"""

import fnmatch
import json
import signal
from functools import partial

import numpy as np
import pytest

from homeroom.adapters.backup.backing_up import back_up
from homeroom.adapters.backup.repository import make_repository
from homeroom.adapters.backup.sealing import KeyFile
from homeroom.cli import main, status
from tests.privacy.marks import Marks
from tests.privacy.planting import Planter
from tests.privacy.routes import (
    plant_memberships,
    plant_rights,
    plant_stream,
    plant_webhooks,
)
from tests.privacy.searching import Search
from tests.privacy.served import prepared, serving
from tests.privacy.statements import full_statement
from tests.running.nodes import now_ms

pytestmark = pytest.mark.slow

SEED = 20_261_127

VOCABULARY = frozenset(
    f"{kind}.{field}"
    for kind in ("events", "events, accented")
    for field in ("verb", "activity", "course", "section", "answer", "attributes")
) | {"xapi.verb", "xapi.activity", "xapi.grouping", "xapi.platform"}
"""What events are counted by: words of courses, not of people, if whoever sends them keeps to it. A node writes their
hashes (`homeroom.events.ids`). The analyzer of files keeps them as they come, except a text that holds the account of
its own event (`homeroom.events.personal`); there they can name others. ``docs/explanation/pseudonyms.md`` says so."""
STATED = frozenset(
    {
        "key.name",
        "definition.name",
        "definition.content",
        "webhook.path",
        "webhook.query",
        "webhook.cohort",
        "webhook.url",
        "webhook.a name",
        "definition.followed",
    }
)
"""What operators state: names that they give, rules that they write, addresses that are called."""
SECRETS = {"webhook.secret", "webhook.secret over HTTP", "webhook.secret changed"}
KEY_FILES = ("pseudonym.key", "vault.key", "node.key")

KEPT = {
    "audit.ndjson": {"key.name", "definition.name", "definition.followed"},
    "webhooks.secrets": SECRETS,
    "pseudonym.key": {"pseudonym.key"},
    "vault.key": {"vault.key"},
    "node.key": {"node.key"},
    "documents.db*": set(),
    "documents.copies/*": set(),
    "membership.tensors": STATED,
    "deliveries.db*": {"definition.followed"},
    "log/*": STATED,
    "backup *": STATED | SECRETS | set(KEY_FILES),
    "*": set(),
}
"""By file of a node's data directory, the first that fits, what may lie in it."""
LOADED = {"pseudonym.key": {"pseudonym.key"}, "*": VOCABULARY}
"""By file of a directory that files were loaded into."""
SHOWN = {"key.name"}
"""Who wrote a definition is told to whoever may read definitions."""


def leaks(found, kept_in=KEPT):
    """Return what was found where it may not be."""
    kept = {
        one: next(
            allowed for place, allowed in kept_in.items() if fnmatch.fnmatchcase(one.place, place)
        )
        for one in found
    }
    return [one for one in found if one.entrance not in kept[one]]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Give what was found of the marks that went through a node: while it ran, killed, stopped, and in a backup."""
    folder = tmp_path_factory.mktemp("planted")
    path, marks = folder / "data", Marks(np.random.default_rng(SEED))
    keys = prepared(path, marks)
    search, found = Search(marks), {}
    with serving(path, folder) as node:
        planter = Planter(node.address, keys, marks)
        for plant in (
            planter.events,
            planter.requests,
            planter.questions,
            planter.definitions,
            planter.statements,
            partial(plant_memberships, planter),
            partial(plant_stream, planter),
            partial(plant_webhooks, planter),
            partial(plant_rights, planter),
            planter.pages,
        ):
            plant()
        for name in KEY_FILES:
            lines = (path / name).read_text().split("\n")
            marks.secret(name, next(one for one in lines if one and one[0] != "#"))
        found["running"] = search.folder(path)
        node.end(signal.SIGKILL)
        output = [node.output]
    found["killed"] = search.folder(path)
    with serving(path, folder) as node:
        again = Planter(node.address, keys, marks)
        again.pages()
        node.end(signal.SIGTERM)
        output.append(node.output)
        answers = planter.answers + again.answers
        planter.close()
        again.close()
    found["stopped"] = search.folder(path)
    key = folder / "backup.key"
    repository = make_repository(str(folder / "repository"), {}, KeyFile(key))
    back_up(path, repository, now_ms, "0.test")
    found["a backup"] = search.repository(repository)
    found["a sealed backup"] = search.folder(folder / "repository")
    return marks, search, found, answers, output


def test_what_was_planted_came_through_every_entrance(planted):
    marks, search, found, answers, _ = planted
    assert len(marks.all) > 150
    assert len(answers) > 1_000
    assert search.looked_at_bytes > 10 << 20
    assert {one.status // 100 for one in answers} == {2, 3, 4}, (
        "some were taken, and none met a fault"
    )
    there = {one.entrance for one in found["stopped"]}
    assert there >= {"webhook.secret", "definition.name"}, "the search finds what is there"
    said = search.answers([(one.asked, one.headers, one.body) for one in answers])
    told = {"events.verb", "events.activity", "xapi.verb", "xapi.activity"}
    assert {one.entrance for one in said} >= told, "who may see labels is told them"


@pytest.mark.parametrize("when", ["running", "killed", "stopped", "a backup"])
def test_nothing_personal_and_no_secret_lies_where_it_may_not(planted, when):
    _, _, found, _, _ = planted
    assert leaks(found[when]) == []


def test_a_backup_without_its_key_holds_nothing(planted):
    assert planted[2]["a sealed backup"] == []


def test_a_node_says_nothing_of_what_was_sent(planted):
    _, search, _, _, output = planted
    assert all("listening" in one for one in output)
    assert search.content("output", "".join(output).encode()) == []


def test_an_answer_holds_nothing_but_what_was_asked_for(planted):
    _, search, _, answers, _ = planted
    wrong = []
    for answer in answers:
        is_question = "/v1/query" in answer.asked
        for one in search.answers([(answer.asked, answer.headers, answer.body)]):
            # An answer repeats its question; and courses, activities and so on are what is asked about.
            is_repeated = answer.status == 200 and one.entrance.startswith("question.")
            is_labelled = "without labels" not in answer.asked and one.entrance in VOCABULARY
            is_asked = is_question and (is_repeated or is_labelled)
            if not (is_asked or one.entrance in answer.allowed | SHOWN):
                wrong.append((answer.asked, answer.status, one))
    assert wrong == []


def test_files_that_are_loaded_leave_no_names_behind(tmp_path, rng, capsys):
    marks = Marks(rng)
    source = tmp_path / "statements.jsonl"
    statement = {**full_statement(marks, b"data"), "timestamp": "2026-11-23T10:00:00Z"}
    source.write_text(json.dumps(statement) + "\n" + '{"actor": "' + marks("a broken line") + "\n")
    words = [
        "load",
        str(tmp_path / "data"),
        str(source),
        "--rejects",
        str(tmp_path / "rejects.csv"),
    ]
    assert main(words) in (status.CLEAN, status.REJECTS_MET)
    said = capsys.readouterr()
    search = Search(marks)
    found = search.folder(tmp_path / "data") + search.content(
        "rejects", (tmp_path / "rejects.csv").read_bytes()
    )
    assert leaks(found, LOADED) == []
    assert {one.entrance for one in found} >= {"xapi.verb", "xapi.activity"}
    assert search.content("output", (said.out + said.err).encode()) == []
