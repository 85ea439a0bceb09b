"""Both forms of the engine, and shards in any number, give one answer to each kind of question."""

import pytest

from homeroom.errors import QuestionError, ShardsAwayError
from homeroom.scaling.engine import Missing
from tests.running.sharding.regions import (
    QUESTIONS,
    asked,
    drawn,
    entries_of,
    local,
    sharded,
    write_log,
)
from tests.running.sharding.same import same


@pytest.fixture(scope="module")
def region(tmp_path_factory):
    path = tmp_path_factory.mktemp("region")
    write_log(path, drawn(1_500, 90))
    return path


@pytest.fixture(scope="module")
def alone(region):
    engine = local(region)
    engine.apply(entries_of(region))
    engine.upkeep()
    return engine


@pytest.fixture(scope="module", params=[1, 2, 5])
def engine(region, request):
    with sharded(region, request.param) as made:
        made.apply(entries_of(region))
        made.upkeep()
        yield made


@pytest.mark.parametrize("name", QUESTIONS)
def test_shards_answer_what_one_state_answers(engine, alone, name):
    expected = alone.ask("main", QUESTIONS[name])
    found = engine.ask("main", QUESTIONS[name])
    assert found.is_whole
    assert found.applied == expected.applied
    assert same(found.answer.to_json(), expected.answer.to_json())
    assert expected.answer.source.learners > 50


@pytest.mark.parametrize("engine", [2], indirect=True)
def test_a_learner_is_found_in_whatever_shard(engine, alone):
    listed = alone.ask("main", QUESTIONS["members by result"]).answer.members
    assert len(listed) > 5
    for learner in listed[:5]:
        question = asked("learner", learner=learner, defined=True)
        found = engine.ask("main", question).answer
        assert same(found.to_json(), alone.ask("main", question).answer.to_json())
        assert any(one.is_member for one in found.cohorts)
    with pytest.raises(QuestionError, match="not in the data"):
        engine.ask("main", asked("learner", learner=32 * "0", defined=True))


@pytest.mark.parametrize("engine", [5], indirect=True)
def test_the_whole_list_at_risk_is_to_be_had(engine, alone):
    question = asked("at-risk", limit=3, sort="most-active", breakdown="country")
    found, expected = (one.ask("main", question).answer for one in (engine, alone))
    assert len(expected.everyone()) > 3
    assert found.everyone().learners() == expected.everyone().learners()
    for (value, part), (other, whole) in zip(found.parts, expected.parts, strict=True):
        assert value == other
        assert part.everyone().learners() == whole.everyone().learners()


def test_answers_are_from_one_vector_while_entries_come(region, alone):
    entries = entries_of(region)
    engine = local(region)
    with sharded(region, 3) as made:
        for start in range(0, len(entries), 4):
            for one in (engine, made):
                one.apply(entries[start : start + 4])
            for name in ("triangle", "by verb", "paths") if start else ():
                found, expected = (one.ask("main", QUESTIONS[name]) for one in (made, engine))
                assert found.applied == expected.applied
                assert same(found.answer.figures(), expected.answer.figures())
        assert made.applied == alone.applied


def test_a_shard_that_is_away_makes_a_question_refused_or_its_answer_marked(region, alone):
    with sharded(region, 3) as made:
        made.apply(entries_of(region))
        whole = made.ask("main", QUESTIONS["active"]).answer
        made.lose(1, "it was stopped")
        with pytest.raises(ShardsAwayError, match=r"1 of 3 shards .* shard 1: it was stopped"):
            made.ask("main", QUESTIONS["active"])
        for name in ("active", "funnel"):
            found = made.ask("main", QUESTIONS[name], Missing.MARKED)
            assert found.missing == (1,)
            assert not found.is_whole
            assert "learners of 1 of 3 shards are not in this answer" in found.answer.notes[0]
        marked = made.ask("main", QUESTIONS["active"], Missing.MARKED).answer
        assert (marked.day.values <= whole.day.values).all()
        assert marked.day.values.sum() < whole.day.values.sum()


def test_a_shard_that_is_late_is_left_out_and_asked_again_later(region):
    with sharded(region, 2, late_ms=300) as made:
        made.apply(entries_of(region))
        shard = made.present[1].shard
        with shard._live._guard:  # it is busy: questions of columns wait for their turn there
            found = made.ask("main", QUESTIONS["triangle"], Missing.MARKED)
            assert found.missing == (1,)
            with pytest.raises(ShardsAwayError, match="nothing came within 300 ms"):
                made.ask("main", QUESTIONS["triangle"])
        assert made.ask("main", QUESTIONS["triangle"]).is_whole


def test_a_shard_with_other_codes_is_found_out(region):
    with sharded(region, 2) as made:
        made.apply(entries_of(region))
        other = made.present[0].shard
        other._live.read("main", lambda state: state.dictionaries.verb.codes(["unheard-of"], 1))
        with pytest.raises(ShardsAwayError, match="shard 0: 1 shards have other codes"):
            made.ask("main", QUESTIONS["triangle"])
        assert made.ask("main", QUESTIONS["triangle"], Missing.MARKED).missing == (0,)


def test_sizes_are_told_by_shard(engine, alone):
    sizes = engine.sizes()
    [whole] = alone.sizes()
    assert sum(one.learners for one in sizes) == whole.learners
    assert sum(one.events for one in sizes) == whole.events
    assert [one.number for one in sizes] == list(range(engine.shards))
