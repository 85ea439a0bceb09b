"""What was watched of a video, worked out by hand."""

import dataclasses
import itertools

import numpy as np
import pytest

from homeroom.cohorts.questions import CourseReport
from tests.oracle import instant_ms
from tests.oracle.course_events import CourseEvent, answered

AT = instant_ms("2024-03-04T10:00Z")
FILM = {"activity": "film", "track": "video", "length_s": 60.0}


def play(*steps: tuple, account: str = "a") -> list[CourseEvent]:
    """Return events of one video: (seconds after the start, verb, position, where a seek began)."""
    return [
        CourseEvent(
            account=account,
            time_ms=AT + 1_000 * at,
            verb=verb,
            position_s=here,
            position_from_s=begun[0] if begun else None,
            **FILM,
        )
        for at, verb, here, *begun in steps
    ]


def runs_of(counts: list[int]) -> list[tuple[int, int, int]]:
    """Return (first, end, count) of the stretches of one count that is not nought."""
    edges = [
        i for i in range(len(counts) + 1) if i in (0, len(counts)) or counts[i] != counts[i - 1]
    ]
    return [(a, b, counts[a]) for a, b in itertools.pairwise(edges) if counts[a]]


@pytest.mark.parametrize(
    ("steps", "views", "unclosed"),
    [
        pytest.param([(0, "played", 0), (10, "paused", 10)], [(0, 10, 1)], 0, id="a pause ends it"),
        pytest.param(
            [(0, "played", 0), (10, "paused", 10), (99, "played", 10), (110, "paused", 21)],
            [(0, 21, 1)], 0, id="a second is counted once where play goes on",
        ),
        pytest.param(
            [(0, "played", 0), (10.4, "paused", 10.4), (20, "played", 10.4), (25, "paused", 15.6)],
            [(0, 16, 1)], 0, id="a second belongs to whom its middle was played",
        ),
        pytest.param(
            [(0, "played", 0), (20, "seeked", 5, 20), (30, "paused", 15)],
            [(0, 5, 1), (5, 15, 2), (15, 20, 1)], 0, id="a seek back while it plays",
        ),
        pytest.param(
            [(0, "played", 0), (10, "paused", 10), (12, "seeked", 40, 10), (20, "played", 40), (25, "paused", 45)],
            [(0, 10, 1), (40, 45, 1)], 0, id="a seek while it is paused opens nothing",
        ),
        pytest.param([(0, "played", 0)], [], 1, id="nothing ends it"),
        pytest.param([(0, "played", 0), (10, "paused", None)], [], 1, id="the end has no position"),
        pytest.param([(0, "played", None), (10, "paused", 10)], [], 1, id="the begin has no position"),
        pytest.param([(0, "played", 30), (10, "paused", 20)], [], 1, id="it cannot have run backwards"),
        pytest.param([(0, "played", 0), (5, "paused", 26)], [], 1, id="nor more than four times as fast"),
        pytest.param([(0, "played", 0), (5, "paused", 25)], [(0, 25, 1)], 0, id="which is just fast enough"),
        pytest.param([(0, "played", 40), (86, "paused", 50)], [], 1, id="it had ended by itself before"),
        pytest.param([(0, "played", 40), (85, "paused", 50)], [(40, 50, 1)], 0, id="it may just have played so slowly"),
        pytest.param(
            [(0, "played", 0), (30, "played", 30), (40, "paused", 40)],
            [(0, 40, 1)], 0, id="another play ends it where that begins",
        ),
        pytest.param(
            [(0, "played", 0), (55, "completed", 55), (60, "paused", 60)],
            [(0, 60, 1)], 0, id="it plays on after it was completed",
        ),
        pytest.param(
            [(0, "played", 0), (55, "completed", 55)], [(0, 55, 1)], 0, id="or it does not, and nothing is missing",
        ),
        pytest.param(
            [(0, "played", 0), (60, "completed", None), (61, "terminated", 60)],
            [(0, 60, 1)], 0, id="a completion without a position says nothing of it",
        ),
        pytest.param([(0, "played", 50), (30, "terminated", 75)], [(50, 60, 1)], 0, id="nothing lies behind the end"),
        pytest.param(
            [(0, "played", 10), (0, "seeked", 10, 3), (0, "paused", 3), (4, "paused", 14)],
            [(10, 14, 1)], 0, id="of one instant pauses come first, plays last",
        ),
    ],
)  # fmt: skip
def test_what_was_watched_by_hand(steps, views, unclosed):
    (video,) = answered([play(*steps)], CourseReport()).runs[0].videos.videos
    assert len(video.views_at) == 60
    assert runs_of(video.views_at.tolist()) == views
    assert video.unclosed == unclosed
    watched = {second for first, end, _ in views for second in range(first, end)}
    assert np.flatnonzero(video.viewers_at).tolist() == sorted(watched)
    assert video.viewers_at.max(initial=0) <= 1


def test_a_curve_of_several_viewers_by_hand():
    """Four see the first 20 seconds, three of them the next 10 twice, one goes to the end; one begins at 50."""
    portions = [
        play((0, "played", 0), (20, "paused", 20), account="a"),
        play((0, "played", 0), (30, "seeked", 20, 30), (40, "paused", 30), account="b"),
        play((0, "played", 0), (30, "seeked", 20, 30), (40, "paused", 30), account="c"),
        play((0, "played", 0), (30, "seeked", 20, 30), (70, "completed", 60), account="d"),
        play((0, "seeked", 50, 0), (1, "played", 50), (11, "paused", 60), account="e"),
    ]
    (video,) = answered(portions, CourseReport()).runs[0].videos.videos
    assert runs_of(video.viewers_at.tolist()) == [(0, 20, 4), (20, 30, 3), (30, 50, 1), (50, 60, 2)]
    assert runs_of(video.views_at.tolist()) == [(0, 20, 4), (20, 30, 6), (30, 50, 1), (50, 60, 2)]
    assert (video.viewers, video.plays, video.completed, video.measured) == (5, 5, 1, 5)
    assert video.covered_s == 20 + 30 + 30 + 60 + 10
    assert video.watched_share == pytest.approx(150 / 300)
    assert video.watched.tolist() == [0, 1, 0, 1, 0, 2, 0, 0, 0, 1]
    assert [(s.first, s.end) for s in video.rewatched] == [(20, 30)]
    assert [(s.first, s.end) for s in video.skipped] == [(30, 50)]
    assert video.left_at == 30


def test_many_events_of_one_instant_are_put_in_order():
    """Of the plays of one instant each ends the one before, which may have run for the five seconds of slack."""
    steps = [(0, "played", 40 - n) for n in range(40)] + [(9, "paused", 45)]
    (video,) = answered([play(*steps)], CourseReport()).runs[0].videos.videos
    assert runs_of(video.views_at.tolist()) == [(1, 45, 1)]
    assert (video.plays, video.segments, video.unclosed) == (40, 40, 0)


def test_a_learner_with_many_segments_is_one_viewer():
    steps = [
        step
        for n in range(50)
        for step in ((9 * n, "played", 49 - n), (9 * n + 8, "paused", 52 - n))
    ]
    (video,) = answered([play(*steps)], CourseReport()).runs[0].videos.videos
    assert (video.segments, video.covered_s, video.viewers_at.tolist()) == (
        50,
        52,
        [1] * 52 + [0] * 8,
    )
    assert video.views_at.sum() == 150


def test_lengths_and_positions_that_cannot_be_are_not_believed():
    silly = [
        dataclasses.replace(one, length_s=length, position_s=here)
        for one, length, here in zip(
            play((0, "played", 0), (10, "paused", 10), (20, "played", 0), (30, "paused", 10)),
            (30_000.0, float("inf"), -5.0, None),
            (3.0, 8.0, 30_000.0, -0.1),
            strict=True,
        )
    ]
    (video,) = answered([silly], CourseReport()).runs[0].videos.videos
    assert video.length_s == 8.0  # the furthest position that is left
    assert (runs_of(video.views_at.tolist()), video.unclosed) == ([(3, 8, 1)], 1)


def test_a_video_without_any_position_has_viewers_and_no_seconds():
    answer = answered([play((0, "played", None), (9, "completed", None))], CourseReport())
    (video,) = answer.runs[0].videos.videos
    assert (video.viewers, video.completed, video.views_at.sum(), video.watched.sum()) == (
        1,
        1,
        0,
        0,
    )
    assert np.isnan(video.watched_share)
    assert "nothing is known by second" in answer.notes[0]


def test_segments_of_unknown_end_are_said():
    answer = answered([play((0, "played", 0), (9, "paused", 9), (10, "played", 9))], CourseReport())
    assert answer.notes == (
        "run: 1 of 2 played segments have no known end and are left out of what was watched",
    )
