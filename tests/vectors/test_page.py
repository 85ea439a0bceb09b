"""The page of worked examples shows what the tests hold the program to, to the letter."""

import pytest

from tests.vectors.__main__ import PAGE
from tests.vectors.page import MARK, shown


def test_the_page_shows_every_example_as_it_is_tested():
    page = PAGE.read_text(encoding="utf-8")
    assert page == shown(page), "the examples have changed; run: .venv/bin/python -m tests.vectors"


def test_a_page_without_the_mark_is_refused():
    with pytest.raises(ValueError, match="no line"):
        shown("# Worked examples\n")
    assert shown(f"# Title\n{MARK}old").startswith(f"# Title\n{MARK}\n## Retention")
