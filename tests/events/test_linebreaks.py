"""Lines, against a plain split."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from homeroom.events.linebreaks import count_newlines, line_bounds

TEXTS = st.lists(
    st.sampled_from([b"", b"a", b"b" * 63, b"c" * 64, b"\n", b"\n" * 70]), max_size=12
).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(TEXTS)
@example(b"\n" * 300)
def test_lines_are_those_of_a_split(text):
    assert count_newlines(text) == text.count(b"\n")
    start = 0
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        assert line_bounds(text, number) == (start, start + len(line))
        start += len(line)
    assert line_bounds(text, len(lines)) is None
    assert line_bounds(text, len(lines) + 5) is None
