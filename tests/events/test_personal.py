"""Accounts inside other texts: what is dropped, and what only looks like one."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.events.personal import holds_account, without_accounts
from homeroom.events.texts import large_strings


@pytest.mark.parametrize(
    ("text", "account", "held"),
    [
        ("https://x.example/u/jane", "jane", True),
        ("jane", "jane", True),
        ("https://x.example/u/jane.doe/", "jane.doe", True),
        ("https://x.example/janet", "jane", False),
        ("https://x.example/course/12", "12", False),
        ("https://x.example/user/123456", "123456", False),
        ("https://x.example/u/jo", "jo", False),
        ("https://x.example/u/Jane", "jANE", True),
        ("https://x.example/u/j%C3%BCrgen", "jürgen", True),
        ("https://x.example/u/jane%2Edoe", "jane.doe", True),
        ("https://x.example/u/jane.doe", "jane.doe@mail.example", True),
        ("https://x.example/u/jo", "jo@mail.example", False),
        ("", "jane", False),
        ("jane", "", False),
        ("jane", None, False),
    ],
)
def test_an_account_is_a_whole_word(text: str, account: str | None, held: bool) -> None:
    assert holds_account(text, account) is held


TEXTS = (
    st.none() | st.text(alphabet="abA/-é1@", max_size=8) | st.text(alphabet="ab%4129", max_size=8)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=12))
def test_columns_lose_just_the_texts_that_hold_their_account(
    rows: list[tuple[str | None, str | None]],
) -> None:
    texts = pa.array([text for text, _ in rows], pa.string())
    accounts = large_strings(pa.array([account for _, account in rows], pa.string()))

    def expected(mask: str | None) -> list[str | None]:
        return [
            mask if text is not None and holds_account(text, account) else text
            for text, account in rows
        ]

    def plain(found: object) -> object:
        return found.to_pylist() if isinstance(found, pa.Array) else found

    forms = (texts, texts.dictionary_encode(), texts.cast(pa.large_string()), texts.to_pylist())
    for form in forms:
        assert plain(without_accounts(form, accounts)) == expected(None)
        assert plain(without_accounts(form, accounts, lambda _: "hidden")) == expected("hidden")
    assert plain(without_accounts(texts[1:], accounts[1:])) == expected(None)[1:]


def test_columns_without_accounts_are_handed_back_as_they_are() -> None:
    texts = pa.array(["a", None, "c"])
    accounts = large_strings(["jane", "jane", "jane"])
    assert without_accounts(texts, accounts) is texts
    assert without_accounts("jane", accounts) == "jane"


def test_one_text_that_is_no_text_hides_no_account_beside_it() -> None:
    accounts = large_strings(["jane", "jane", "jane"])
    assert without_accounts(["\ud800", "u/jane", None], accounts) == ["\ud800", None, None]
    broken = pa.array([b"\xff", b"u/jane", None]).view(pa.string())
    assert without_accounts(broken, accounts) == ["\udcff", None, None]
