"""Accounts inside other texts: what is dropped, and what only looks like one."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.events.personal import holds_account, without_accounts


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
        ("", "jane", False),
        ("jane", "", False),
        ("jane", None, False),
    ],
)
def test_an_account_is_a_whole_word(text: str, account: str | None, held: bool) -> None:
    assert holds_account(text, account) is held


TEXTS = st.none() | st.text(alphabet="ab/-é1", max_size=8)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=12))
def test_columns_lose_just_the_texts_that_hold_their_account(
    rows: list[tuple[str | None, str | None]],
) -> None:
    texts = pa.array([text for text, _ in rows], pa.string())
    accounts = pa.array([account for _, account in rows], pa.string())
    expected = [
        None if text is None or holds_account(text, account) else text for text, account in rows
    ]
    assert without_accounts(texts, accounts).to_pylist() == expected
    assert without_accounts(texts.dictionary_encode(), accounts).to_pylist() == expected
    assert without_accounts(texts[1:], accounts[1:]).to_pylist() == expected[1:]


def test_columns_without_accounts_are_handed_back_as_they_are() -> None:
    texts = pa.array(["a", None, "c"])
    assert without_accounts(texts, pa.array(["jane", "jane", "jane"])) is texts
