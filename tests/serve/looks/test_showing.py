"""What all pages share: a style that knows no left and right, texts by name, and what is shown is clean."""

import re

import pytest

from homeroom.serve.looks.showing import environment, sheet, written
from homeroom.serve.looks.texts import LANGUAGES, texts_of

PHYSICAL = re.compile(
    r"(?:margin|padding|border|text-align)[a-z-]*-?(?::|-)(?:left|right)\b|[;{](?:left|right):"
)


@pytest.mark.parametrize(
    "style", [written("looks.css"), written("static/pages.css", "homeroom.serve.pages")]
)
def test_the_style_knows_no_left_and_right(style):
    assert not PHYSICAL.findall(style)
    sides = re.findall(r"(?:margin|padding):([^\s;}]+) ([^\s;}]+) ([^\s;}]+) ([^\s;}]+)[;}]", style)
    assert all(right == left for _, right, _, left in sides)


def test_the_sheet_holds_light_and_dark_and_every_step():
    assert sheet().count("--step-9:") == 3  # light, dark by the system, dark by choice
    assert all(f".cell.s{step}{{" in sheet() for step in range(10))


def test_every_language_has_the_same_texts_with_the_same_places():
    first = texts_of(LANGUAGES[0])
    for language in LANGUAGES:
        texts = texts_of(language)
        assert texts.names() == first.names()
        assert texts.direction in ("ltr", "rtl")


def test_a_text_has_a_form_for_one_and_one_for_others():
    texts = texts_of("en")
    assert texts.count("age.days", 1) == "1 day"
    assert texts.count("age.days", 2) == "2 days"
    assert texts("frame.signed_in", name="{n}") == "Signed in as {n}"


def test_what_is_shown_is_escaped_and_clean_also_within_shared_parts():
    page = environment("homeroom.serve.pages").from_string(
        '{% import "shown.html" as looks %}{{ looks.numbers(table) }}'
    )
    hostile = "<b>\u202e\x00\"'"
    html = page.render(table={"caption": hostile, "heads": [hostile], "rows": [[hostile, hostile]]})
    assert "<b>" not in html
    assert "\u202e" not in html
    assert html.count("&lt;b&gt;\ufffd\ufffd&#34;&#39;") == 5
