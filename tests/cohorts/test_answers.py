"""Answers: rates and intervals follow from counts, and every written form says the same."""

import dataclasses
import json
import math

import numpy as np
import pyarrow as pa
import pytest

from homeroom.cohorts.answers import Answer, Source, wilson
from homeroom.cohorts.questions import Active, Lifecycle, Retention, Stickiness
from tests.adapters.loads import events
from tests.cohorts.engine import read

KINDS = (Retention(interval="day"), Lifecycle(interval="day"), Stickiness(), Active())


@pytest.fixture(scope="module")
def data():
    return read(events(120))


@pytest.mark.parametrize(
    ("successes", "trials", "level", "low", "high"),
    [
        # Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I, method 3.
        (81, 263, 0.95, 0.2553, 0.3662),
        (15, 148, 0.95, 0.0624, 0.1605),
        (0, 20, 0.95, 0.0, 0.1611),
        (1, 29, 0.95, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_of_the_literature(successes, trials, level, low, high):
    found = wilson(np.array([successes]), np.array([trials]), level)
    assert [round(float(bound[0]), 4) for bound in found] == [low, high]


def test_intervals_hold_the_rate_and_stay_shares(rng):
    trials = rng.integers(1, 10_000, 500)
    successes = rng.integers(0, trials + 1)
    low, high = wilson(successes, trials)
    assert (
        (low >= 0) & (low <= successes / trials) & (successes / trials <= high) & (high <= 1)
    ).all()
    wide = wilson(successes, trials, 0.99)
    assert ((wide[0] <= low) & (wide[1] >= high)).all()
    nothing = wilson(np.array([0]), np.array([0]))
    assert np.isnan(nothing).all()


@pytest.mark.parametrize("level", [0, 1, -0.5, 95, math.nan])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ValueError, match="must be between 0 and 1"):
        wilson(np.array([1]), np.array([2]), level)


def test_rates_follow_from_counts(data):
    answer = data.ask(Retention(interval="day", mode="recurring"))
    inside = answer.counts >= 0
    assert np.isnan(answer.rates[~inside]).all()
    shown = np.where(answer.sizes[:, None] > 0, inside, False)
    assert (
        answer.rates[shown] * np.broadcast_to(answer.sizes[:, None], inside.shape)[shown]
    ).round().tolist() == (answer.counts[shown].tolist())
    low, high = answer.confidence()
    assert ((low <= answer.rates) & (answer.rates <= high))[shown].all()
    assert np.isnan(low[~inside]).all()


@pytest.mark.parametrize("question", KINDS, ids=lambda q: q.name)
@pytest.mark.parametrize("breakdown", [None, "course", "country"])
def test_json_and_table_hold_the_same_numbers(data, question, breakdown):
    fields = {n: getattr(question, n) for n in question.__struct_fields__}
    answer = data.ask(type(question)(**{**fields, "breakdown": breakdown}))
    written = json.loads(json.dumps(answer.to_json(), allow_nan=False))
    table = answer.to_arrow()
    if breakdown is None:
        parts = [(None, written, table)]
    else:
        names = table.column(breakdown).to_pylist()
        assert list(dict.fromkeys(names)) == [one["value"] for one in written["breakdown"]]
        parts = [
            (one["value"], one, table.filter(pa.array([name == one["value"] for name in names])))
            for one in written["breakdown"]
        ]
    for _, figures, rows in parts:
        columns = rows.to_pydict()
        if question.name == "retention":
            assert columns["count"] == [n for row in figures["counts"] for n in row]
            assert columns["complete"] == [n for row in figures["complete"] for n in row]
            assert columns["rate"] == [n for row in figures["rates"] for n in row]
            assert len(figures["counts"]) == len(figures["periods"]) == len(figures["sizes"])
        elif question.name == "lifecycle":
            for name in ("new", "returning", "resurrecting", "dormant", "complete"):
                assert columns[name] == figures[name]
        elif question.name == "stickiness":
            assert columns["learners"] == figures["learners"]
        else:
            series = [*figures["active"].values(), *figures["ratios"].values()]
            assert columns["value"] == [v for one in series for v in one["values"]]
            assert columns["period"] == [p for one in series for p in one["periods"]]


def test_cells_beyond_the_range_are_written_nowhere(data):
    answer = data.ask(Retention(interval="day"))
    written = answer.to_json()
    lengths = [len(row) for row in written["counts"]]
    assert lengths == list(range(len(lengths), 0, -1))
    assert min(n for row in written["counts"] for n in row) >= 0
    assert len(answer.to_arrow()) == sum(lengths)
    assert not answer.complete[answer.counts < 0].any()


def test_an_answer_of_nothing_is_written_too():
    for question in KINDS:
        answer = read([]).ask(question)
        assert answer.as_of is None
        json.dumps(answer.to_json(), allow_nan=False)
        assert len(answer.to_arrow()) == 0
        assert "<svg" in answer.plot_svg()


def test_a_source_is_plain_data():
    source = Source(events_read=3, notes=("a",), rejected_by_reason={"not_json": 1})
    written = source.to_json()
    assert json.loads(json.dumps(written)) == written
    assert set(written) == {field.name for field in dataclasses.fields(Source)}


def test_the_root_of_answers_has_no_figures():
    answer = Answer(
        question=Active(), periods=(), as_of=None, timezone="UTC", answered_from="columns"
    )
    with pytest.raises(TypeError, match="no figures"):
        answer.to_json()
    with pytest.raises(TypeError, match="no table"):
        answer.to_arrow()
