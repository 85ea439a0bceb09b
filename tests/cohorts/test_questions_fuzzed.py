"""Question files of nonsense: a question comes of each, or a `QuestionError` that says why; never a crash."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeroom.adapters.definition_files import read_definitions
from homeroom.cli.asking import build_questions
from homeroom.cohorts.questions import QUESTIONS, Question, parse_question
from homeroom.errors import QuestionError
from tests.cohorts.test_definitions import PLAIN

GOOD = (
    b'question = "funnel"\nsteps = ["verb=played", "solve: track=problem and score>=0.5"]\nwithin = "7d"\n'
    b'exclude = ["1-2: verb=left"]\nfrom = 2024-01-01\nfilters = ["course=math-1"]\n'
    b'cohort = { all = [{ did = "any", within = "7d" }, { not = { attribute = "country=DE" } }] }\n'
    b'[[question]]\nquestion = "retention"\nbrackets = ["1", "2-7"]\nas_of = 2024-01-01T00:00:00Z\n'
)
WORDS = st.sampled_from(
    ("any", "none", "7d", "verb=played", "2-7", "passed", "math", "2024-01-01", "1-2: verb=x", "a: b=c", "best",
     "2024-01-01T00:00:00Z", "video,problem", "week", "\U0001f600", "0" * 32)
)  # fmt: skip


@pytest.mark.parametrize("kind", QUESTIONS, ids=lambda kind: kind.name)
@given(data=st.data())
def test_fields_of_nonsense_are_refused_and_never_crash(kind: type[Question], data):
    names = [field.encode_name for field in msgspec.structs.fields(kind)]
    fields = data.draw(
        st.dictionaries(
            st.sampled_from(names), st.one_of(WORDS, st.lists(WORDS, max_size=3), PLAIN), max_size=4
        )
    )
    with contextlib.suppress(QuestionError):
        question = parse_question({"question": kind.name, **fields})
        assert parse_question(question.to_dict()) == question


@given(data=st.data())
def test_a_file_with_bytes_changed_is_refused_and_never_crashes(data, tmp_path_factory):
    text = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(text) - 1))
        change = data.draw(st.sampled_from(("byte", "cut", "twice")))
        if change == "byte":
            text[place] = data.draw(st.sampled_from(b'"[]{}=,\n\xff\x000aA'))
        elif change == "cut":
            del text[place : place + data.draw(st.integers(1, 40))]
        else:
            text[place:place] = text[place : place + 30]
        if not text:
            break
    file = tmp_path_factory.mktemp("fuzz") / "questions.toml"
    file.write_bytes(bytes(text))
    with contextlib.suppress(QuestionError):
        questions = build_questions(None, {}, str(file), lambda path: read_definitions(path, bytes))
        assert questions
