"""The benchmark of questions while events come: all are answered, and what came meanwhile was acknowledged."""

import pytest

from benchmarks import asking
from tests.benchmarks.tiny import result_of


@pytest.mark.slow
def test_questions_are_answered_while_events_come(capsys):
    result = result_of("asking")
    assert list(result["questions"]) == ["triangle", "learner"]
    assert result["questions"]["triangle"]["delay"]["runs"] == 5
    assert result["questions"]["learner"]["delay"]["runs"] == 25
    assert result["learners"] > 2000
    asking.show(result)
    assert "triangle: median" in capsys.readouterr().out
