"""A question as an address, as TOML and as a command: each says the same, and is read by the door that it is for."""

import shlex
import tomllib
from urllib.parse import parse_qsl, urlsplit

import pytest

from homeroom.cli.asking import build_questions, given_fields
from homeroom.cli.query import add_kinds
from homeroom.cohorts.questions import parse_question
from homeroom.serve.looks.texts import texts_of
from homeroom.serve.pages.questions import KINDS, address_of, command_of, toml_of, written_of

ASKED = [
    ("retention", ""),
    ("retention", "interval=day&mode=recurring&match=on-or-after&brackets=1,2-7&from=2026-01-01"),
    (
        "retention",
        "filters=course%3Da%0D%0Ascore>%3D0.5&entry=verb%3Dread&course=x y'z&timezone=Asia/Tokyo",
    ),
    ("retention", "align=enrolment&breakdown=course&week_start=sunday&as_of=2026-03-01T00:00:00Z"),
    ("lifecycle", "interval=month&to=2026-05-01"),
    ("stickiness", "interval=week"),
    ("funnel", "steps=first:%20any%0Averb%3Dplayed&within=30m&order=strict&exclude=verb%3Dleft"),
    ("funnel", "steps=any&steps=verb%3Dplayed&count=every"),
    ("paths", "after=verb%3Dplayed&by=activity&fold=none&within=none"),
]


def asked(kind, query):
    return written_of(kind, parse_qsl(query))


@pytest.mark.parametrize(("kind", "query"), ASKED)
def test_an_address_leads_to_the_same_question(kind, query):
    written = asked(kind, query)
    address = urlsplit(address_of(kind, written))
    assert address.path == f"/{kind}"
    assert asked(kind, address.query) == written
    assert parse_question(written).name == kind


@pytest.mark.parametrize(("kind", "query"), ASKED)
def test_its_toml_is_the_same_question(kind, query):
    written = asked(kind, query)
    assert tomllib.loads(toml_of(written)) == written


@pytest.mark.parametrize(("kind", "query"), ASKED)
def test_its_command_asks_the_same_question(kind, query):
    import click

    written, caught = asked(kind, query), []
    group = click.Group()
    add_kinds(group, lambda kind, flags: caught.append((kind, flags)) or 0)
    words = shlex.split(command_of(kind, written))
    assert words[:2] == ["homeroom", "query"]
    group.main(words[2:], standalone_mode=False)
    ((named, flags),) = caught
    assert named == kind
    (question,) = build_questions(kind, given_fields(flags), None, lambda path: None)
    assert question == parse_question(written)


def test_toml_holds_whatever_a_text_may():
    written = {"question": "retention", "filters": ['a="b\\\n\t\x00\u2028é𝄞\x7f']}
    assert tomllib.loads(toml_of(written)) == written


def test_what_is_no_field_or_says_nothing_is_left_out():
    assert asked("retention", "interval=week&mode=+&nonsense=1&beside=x&question=members") == {
        "question": "retention"
    }


def test_every_control_and_choice_has_its_words():
    names = texts_of("en").names()
    for controls in KINDS.values():
        for one in controls:
            assert f"control.{one.name}" in names
            wanted = {f"option.{one.name}.{choice}" for choice in one.choices}
            wanted |= {f"help.{one.name}"} if one.kind in ("text", "lines", "names") else set()
            assert wanted <= names
