"""The shape of JSON text: kernels against what a plain reader says."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homeroom.events.jsontext import nests_too_deep, quick_look, split_array
from homeroom.limits import JSON_DEPTH_MAX

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max((depth(inner) for inner in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((depth(inner) for inner in value), default=0)
    return 0


@settings(max_examples=40, deadline=None)
@given(st.lists(JSON, max_size=6), st.sampled_from([None, 1]), st.sampled_from(["", "  ", "\n"]))
def test_the_elements_of_an_array_are_found(
    values: list[object], indent: int | None, before: str
) -> None:
    text = (before + json.dumps(values, indent=indent)).encode()
    places, end = split_array(text, text.index(b"["))
    assert end == len(text)
    assert [json.loads(text[a:b]) for a, b in places.tolist()] == values


def test_more_elements_than_were_reckoned_with_are_found() -> None:
    places, end = split_array(b"[" + b"1," * 5_000 + b"2]")
    assert (len(places), end) == (5_001, 10_003)
    assert places[-1].tolist() == [10_001, 10_002]


@pytest.mark.parametrize(
    ("text", "elements", "closed"),
    [
        (b"[", [], False),
        (b"[]", [], True),
        (b"[1, 2", [b"1", b"2"], False),
        (b'["a]"]', [b'"a]"'], True),
        (b'["\\"]", {"b": "}"}]x', [b'"\\"]"', b'{"b": "}"}'], True),
        (b"[1,,2]", [b"1", b"", b"2"], True),
        (b"[1,]", [b"1", b""], True),
        (b'["\\', [b'"\\'], False),
        (b"[}]", [b"}"], True),
    ],
)
def test_odd_arrays(text: bytes, elements: list[bytes], closed: bool) -> None:
    places, end = split_array(text)
    assert [text[a:b] for a, b in places.tolist()] == elements
    assert (end >= 0) is closed


@settings(max_examples=40, deadline=None)
@given(JSON, st.integers(0, 70))
def test_depth_is_judged_as_a_reader_would(value: object, more: int) -> None:
    for _ in range(more):
        value = [value, "[[[{{{"]
    text = json.dumps(value).encode()
    assert nests_too_deep(text) == (depth(value) > JSON_DEPTH_MAX)
    line = b'{"a":' + text + b"}\n"
    assert quick_look(line * 2)[2] == (depth(value) < JSON_DEPTH_MAX)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=4), max_size=12))
def test_lines_of_objects_are_sound_and_counted(values: list[object]) -> None:
    text = "".join(json.dumps(value) + "\n" for value in values).encode()
    assert quick_look(text) == (len(values), 0, True)


@pytest.mark.parametrize(
    "text", [b'{"a":\n1}', b'{"a":{}\n,"b":1}\n', b'{"a":[{}\n]}', b'{}\n"a"\n', b"{}\n[]\n"]
)
def test_a_value_over_two_lines_or_that_is_no_object_is_not_sound(text: bytes) -> None:
    assert not quick_look(text)[2]


def test_blank_lines_are_sound() -> None:
    assert quick_look(b"\n{}\r\n\n \t\n{}") == (4, 3, True)
    assert quick_look(b"") == (0, 0, True)
