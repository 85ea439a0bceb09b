"""What an answer says of all data stands at its end, and can be another one."""

import json

import pytest

from homeroom.cohorts.answers import Source
from homeroom.log.control import Scope
from homeroom.serve.access import Caller
from homeroom.serve.framing import answer_as_json, frame_as_json
from tests.answers_builder import active

READER = Caller(name="r", tenant="main", owner="r", scopes=frozenset({Scope.READ}))
LIMITED = Caller(
    name="l", tenant="main", owner="l", scopes=frozenset({Scope.READ}), courses=("physics",)
)


@pytest.mark.parametrize("caller", [READER, LIMITED])
def test_with_another_end_it_is_the_same_answer_of_other_data(caller):
    answer = active(9)
    written = answer_as_json(caller, {}, answer)
    frame = frame_as_json(caller, answer.as_of, answer.source)
    assert written.endswith(frame)
    other = frame_as_json(caller, "2030-01-01T00:00:00Z", Source(events_read=77))
    before, after = json.loads(written), json.loads(written.removesuffix(frame) + other)
    assert after.pop("as_of") == "2030-01-01T00:00:00Z"
    del before["as_of"]
    if caller is READER:
        assert after.pop("source")["events_read"] == 77
        assert before.pop("source")
    assert after == before
    assert "source" not in after
