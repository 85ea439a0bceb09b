"""Charts: what they show equals the answer, whatever the names in it, and people can read it."""

import datetime as dt
import itertools
import re
from xml.dom.minidom import Document, parseString

import numpy as np
import pytest

from homeroom import limits
from homeroom.cohorts.answers import Answer, RetentionAnswer
from homeroom.cohorts.charts import draw, draw_html, draw_inline, draw_small, words
from homeroom.cohorts.charts.palette import DARK, LIGHT, STEPS, STRIPE_SHARE, Scheme
from homeroom.cohorts.charts.scale import ceiling, pool, rate_step, ruler, share_ruler
from homeroom.cohorts.charts.svg import clean, shorten, text_width
from homeroom.cohorts.charts.tables import tabulate, tabulate_parts
from homeroom.cohorts.questions import Active, Lifecycle, Retention, Stickiness
from tests import answers_builder as build

HOSTILE = "<script>alert(1)</script>\"'&]]>\x00\ud800\u202e"
KINDS = ("retention", "lifecycle", "stickiness", "active")


def by_kind(kind: str, rows: int = 8, **changes: object) -> Answer:
    return getattr(build, kind)(rows, **changes)


def parsed(svg: str) -> Document:
    return parseString(svg.encode())


def texts(svg: str, tag: str = "text") -> list[str]:
    return [
        node.firstChild.data for node in parsed(svg).getElementsByTagName(tag) if node.firstChild
    ]


def with_parts(kind: str, names: tuple[str, ...]) -> Answer:
    question = {
        "retention": Retention, "lifecycle": Lifecycle, "stickiness": Stickiness, "active": Active
    }[kind](breakdown="course")  # fmt: skip
    parts = tuple((name, by_kind(kind, 6, question=question)) for name in names)
    return by_kind(kind, 8, question=question, parts=parts)


# --- colours ------------------------------------------------------------------------------------


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(one: str, other: str, share: float) -> str:
    pairs = [(int(one[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round((1 - share) * a + share * b):02x}" for a, b in pairs)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("step", range(STEPS))
def test_text_in_a_cell_has_the_contrast_of_wcag_aa_also_on_stripes(
    scheme: Scheme, step: int
) -> None:
    cell, ink = scheme.steps[step], scheme.step_ink(step)

    assert contrast(cell, ink) >= 4.5
    assert contrast(mixed(cell, ink, STRIPE_SHARE), ink) >= 4.5


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_steps_run_in_one_direction_of_lightness_away_from_the_page(scheme: Scheme) -> None:
    light = [luminance(colour) for colour in scheme.steps]

    assert light == sorted(light, reverse=scheme is LIGHT)
    assert all(contrast(a, b) >= 1.1 for a, b in itertools.pairwise(scheme.steps))
    away = [contrast(colour, scheme.surface) for colour in scheme.steps]
    assert away == sorted(away)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_marks_stand_out_from_the_page(scheme: Scheme) -> None:
    for behind in (scheme.surface, scheme.page):
        assert contrast(scheme.ink, behind) >= 7
        assert contrast(scheme.muted, behind) >= 4.5
    for name in ("new", "returning", "resurrecting", "dormant"):
        assert contrast(getattr(scheme, name), scheme.surface) >= 3


# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency (2009),
# severity 1.
SIGHT = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip
OKLAB_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929],
                      [0.2119034982, 0.6806995451, 0.1073969566],
                      [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
OKLAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468],
                  [1.9779984951, -2.4285922050, 0.4505937099],
                  [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_neighbours_of_a_stack_differ_for_every_colour_blindness(
    scheme: Scheme, sight: str
) -> None:
    def seen(name: str) -> np.ndarray:
        simulated = np.clip(np.array(SIGHT[sight]) @ linear(getattr(scheme, name)), 0, 1)
        return OKLAB @ np.cbrt(OKLAB_LMS @ simulated)

    stacked = ("new", "resurrecting", "returning", "dormant")
    for one, other in itertools.pairwise(stacked):
        assert np.linalg.norm(seen(one) - seen(other)) > 0.08, (one, other)


# --- every chart --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 2, 8, 40])
def test_a_chart_is_well_formed_and_stands_alone(kind: str, rows: int) -> None:
    svg = draw(by_kind(kind, rows))
    root = parsed(svg).documentElement

    assert root.getAttribute("role") == "img"
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    named = root.getAttribute("aria-labelledby").split()
    ids = {node.getAttribute("id") for node in parsed(svg).getElementsByTagName("*")}
    assert set(named) <= ids
    assert set(re.findall(r"url\(#([^)]+)\)", svg)) <= ids
    assert "prefers-color-scheme:dark" in svg


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_answer_is_drawn_the_same(kind: str) -> None:
    assert draw(by_kind(kind)) == draw(by_kind(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_names_stay_text(kind: str) -> None:
    answer = with_parts(kind, (HOSTILE, "plain"))
    for written in (draw(answer), draw_html(answer), draw_inline(answer, 320)):
        assert "<script" not in written
        assert not set(written) & {"\x00", "\ud800", "\u202e"}
    parsed(draw(answer))


@pytest.mark.parametrize("kind", KINDS)
def test_a_very_long_name_stays_within_its_panel(kind: str) -> None:
    svg = draw(with_parts(kind, ("course-v1:" + "x" * 4_000, "b", "c")))

    names = [text for text in texts(svg) if text.startswith("course-v1")]
    assert names
    assert all(text_width(name, 14) <= 320 for name in names)


@pytest.mark.parametrize("kind", KINDS)
def test_marks_and_labels_stay_inside_of_the_drawing(kind: str) -> None:
    for width in (312, 640, 1056):
        root = parsed(draw_inline(by_kind(kind, 30), width)).documentElement
        wide = float(root.getAttribute("width"))
        assert wide == pytest.approx(width, abs=1) or kind == "retention"
        for mark in root.getElementsByTagName("rect"):
            right = float(mark.getAttribute("x") or 0) + float(mark.getAttribute("width"))
            assert right <= wide + 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_no_learners_is_said_in_words(kind: str) -> None:
    changes: dict[str, dict[str, object]] = {
        "retention": {"counts": np.zeros((8, 8), np.int64)},
        "lifecycle": dict.fromkeys(
            ("new", "returning", "resurrecting", "dormant"), np.zeros(8, int)
        ),
        "stickiness": {"learners": np.zeros(8, np.int64)},
        "active": {"day": build.Series(build.periods(8, 1), np.zeros(8, int), np.ones(8, bool))},
    }
    assert "No learners in this range." in texts(draw(by_kind(kind, **changes[kind])))


def test_no_periods_at_all_is_drawn() -> None:
    empty = np.zeros((0, 0), np.int64)
    answer = build.retention(
        1, periods=(), columns=(), counts=empty, complete=empty.astype(bool), as_of=None
    )

    assert "No learners in this range." in texts(draw(answer))
    assert "no event" in draw_html(answer)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_complete_is_said_and_only_then(kind: str) -> None:
    open_, closed = by_kind(kind), by_kind(kind)
    for name in ("complete", "day", "week", "month"):
        part = getattr(closed, name, None)
        if isinstance(part, build.Series):
            part = build.Series(part.periods, part.values, np.ones(len(part.values), bool))
        elif part is not None:
            part = np.ones_like(part)
        if part is not None:
            object.__setattr__(closed, name, part)

    assert words.INCOMPLETE in " ".join(texts(draw(open_)))
    assert "not complete" not in draw(closed)


def test_a_small_drawing_has_no_hover_text() -> None:
    svg = draw_small(build.lifecycle(8), 312)

    assert len(texts(svg, "title")) == 1
    assert len(texts(draw_inline(build.lifecycle(8), 312), "title")) == 9


# --- retention ----------------------------------------------------------------------------------


def test_each_cell_names_its_count_share_and_interval() -> None:
    answer = build.retention(8)
    titles = texts(draw(answer), "title")[1:]
    low, high = answer.confidence()

    inside = [(p, k) for p in range(8) for k in range(1, 8) if answer.counts[p, k] >= 0]
    assert len(titles) == len(inside)
    for (p, k), title in zip(inside, titles, strict=True):
        assert title.startswith(f"{answer.periods[p]}, weeks since: {k}. ")
        assert f"{answer.counts[p, k]:,} of {answer.sizes[p]:,} = " in title
        assert f"(95% interval {100 * low[p, k]:.1f}–{100 * high[p, k]:.1f}%)" in title
        assert title.endswith("not complete yet") == (not answer.complete[p, k])


def test_cells_hold_the_shares_and_rows_the_sizes() -> None:
    answer = build.retention(8)
    shown = texts(draw(answer))

    for p in range(8):
        assert words.size(answer, p) in shown
        for k in range(1, 8 - p):
            share = words.share(float(answer.rates[p, k]), 0)
            assert (share if answer.complete[p, k] else f"{share}*") in shown


def test_a_triangle_of_200_is_small_and_its_labels_are_thinned() -> None:
    svg = draw(build.retention(200))

    assert len(svg) < 200_000
    assert not parsed(svg).getElementsByTagName("rect")[40:]
    tops = sorted(
        float(node.getAttribute("y"))
        for node in parsed(svg).getElementsByTagName("text")
        if node.firstChild.data in set(build.periods(200))
    )
    assert len(tops) > 20
    assert min(b - a for a, b in itertools.pairwise(tops)) >= 14


def test_a_dense_triangle_colours_the_same_area_as_its_cells() -> None:
    answer = build.retention(80)
    top = ceiling([answer])
    steps = [rate_step(rate, top) for rate in answer.rates[:, 1:].ravel()
             if not np.isnan(rate)]  # fmt: skip
    root = parsed(draw_inline(answer, 1056))
    area: dict[str, float] = {}
    for node in root.getElementsByTagName("path"):
        bars = re.findall(r"h([\d.]+)v([\d.]+)", node.getAttribute("d"))
        area[node.getAttribute("class")] = sum(float(w) * float(h) for w, h in bars)
    total = sum(area[name] for name in area if name.startswith("s"))
    for step in range(STEPS):
        share = steps.count(step) / len(steps)
        assert area.get(f"s{step}", 0) / total == pytest.approx(share, abs=0.005)


def test_more_groups_than_a_chart_draws_are_said() -> None:
    rows = limits.CHART_PERIODS_MAX + 20
    answer = build.lifecycle(rows)

    assert any(f"newest {limits.CHART_PERIODS_MAX} of {rows}" in t for t in texts(draw(answer)))


def test_one_period_says_that_no_later_one_is_there() -> None:
    assert "No later period in the range." in texts(draw(build.retention(1)))


def test_colours_end_at_a_round_rate_that_one_tiny_group_cannot_move() -> None:
    answer = build.retention(8)
    counts = answer.counts.copy()
    counts[3, :2] = (1, 1)
    lone = build.retention(8, counts=counts)

    assert ceiling([answer]) == 0.4
    assert ceiling([lone]) == 0.4
    assert rate_step(0.4, 0.4) == STEPS - 1
    assert rate_step(1.0, 0.4) == STEPS - 1
    assert rate_step(0.0, 0.4) == 0


def test_pooled_rates_use_complete_cells_only() -> None:
    counts = np.array([[10, 5, 9], [30, 3, -1], [7, -1, -1]])
    complete = np.array([[True, True, False], [True, True, True], [True, True, True]])
    cells = pool(build.retention(3, counts=counts, complete=complete))

    assert (cells[1].returned, cells[1].learners, cells[1].groups) == (8, 40, 2)
    assert np.isnan(cells[2].rate)


# --- the others ---------------------------------------------------------------------------------


def test_a_stack_is_as_high_as_its_numbers() -> None:
    answer = build.lifecycle(8)
    root = parsed(draw_inline(answer, 960))
    heights: dict[str, list[float]] = {}
    for node in root.getElementsByTagName("rect"):
        if float(node.getAttribute("width")) > 12:
            heights.setdefault(node.getAttribute("class"), []).append(
                float(node.getAttribute("height"))
            )
    scale = heights["new"][0] / answer.new[0]
    for stage in ("new", "returning", "resurrecting", "dormant"):
        drawn = [value for value in getattr(answer, stage).tolist() if value]
        assert heights[stage] == pytest.approx([scale * v for v in drawn], abs=0.11)


def test_lifecycle_and_stickiness_name_their_numbers_on_hover() -> None:
    lifecycle, stickiness = build.lifecycle(8), build.stickiness(8)
    stages = (f"new {lifecycle.new[2]:,}, returning {lifecycle.returning[2]:,}, "
              f"resurrecting {lifecycle.resurrecting[2]:,}, dormant {lifecycle.dormant[2]:,}")  # fmt: skip

    assert f"{lifecycle.periods[2]}: {stages}" in texts(draw(lifecycle), "title")
    assert any(f"2 days: {stickiness.learners[1]:,} learners" in t
               for t in texts(draw(stickiness), "title"))  # fmt: skip


def test_numbers_as_a_table_equal_the_answer() -> None:
    answer = build.retention(8)
    pooled, triangle = tabulate(answer)

    for p, row in enumerate(triangle.rows):
        assert row[0] == answer.periods[p]
        for k in range(1, 8):
            value = int(answer.counts[p, k])
            star = "" if value < 0 or answer.complete[p, k] else "*"
            assert row[k + 1] == ("" if value < 0 else f"{value:,}{star}")
    assert len(pooled.rows) == 7
    (stages,) = tabulate(build.lifecycle(8))
    assert stages.rows[0][1] == f"{build.lifecycle(8).new[0]:,}"
    assert [len(t.rows) for t in tabulate(build.active(30))] == [30, 5, 1]


def test_a_breakdown_has_a_row_a_value() -> None:
    (numbers,) = tabulate_parts(with_parts("retention", ("a", "b")))

    assert [row[0] for row in numbers.rows] == ["a", "b"]
    assert tabulate_parts(build.retention(3)) == ()


# --- words and scales ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [(0, 0, "0%"), (0.001, 0, "<1%"), (0.0004, 1, "<0.1%"), (0.999, 0, ">99%"), (1, 0, "100%"),
     (0.234, 0, "23%"), (0.234, 1, "23.4%"), (float("nan"), 0, "–")],
)  # fmt: skip
def test_shares_never_claim_nothing_or_all(value: float, decimals: int, written: str) -> None:
    assert words.share(value, decimals) == written


def test_a_summary_names_behaviours_mode_and_filters() -> None:
    from homeroom.cohorts.questions import parse_question

    question = parse_question({
        "question": "retention", "interval": "day", "mode": "recurring", "match": "on-or-after",
        "entry": ["verb=enrolled"], "returning": ["verb=played"], "filters": ["course=X"],
    })  # fmt: skip
    said = words.summary(build.retention(3, question=question))

    for part in ("on a day", "verb=enrolled", "verb=played", "any later time", "several groups",
                 "course=X"):  # fmt: skip
        assert part in said


def test_a_ruler_has_whole_numbers_and_holds_its_top() -> None:
    for top in (1, 2, 3, 7, 99, 1_000, 123_456):
        ruled = ruler(float(top), 4)
        assert ruled.top >= top
        assert all(tick == int(tick) for tick in ruled.ticks)
        assert 2 <= len(ruled.ticks) <= 6
    assert share_ruler(0.33).top <= 0.5


def test_periods_and_instants_are_written_for_people() -> None:
    assert words.period_label("2024-05-01", "month") == "2024-05"
    assert words.period_label("2024-05-01T13:00:00Z", "hour") == "2024-05-01 13:00"
    assert words.period_label("2024-10-27T02:00:00+02:00", "hour") == "2024-10-27 02:00+02:00"
    assert words.instant_label("2024-05-01T13:00:05.2Z") == "2024-05-01 13:00 UTC"
    moment = dt.datetime(2024, 5, 1, 13, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    assert words.instant_label(moment.isoformat()) == "2024-05-01 13:00 +0200"


def test_shortening_keeps_both_ends() -> None:
    short = shorten("course-v1:University+Physics+2024_spring", 120)

    assert text_width(short) <= 120
    assert short.startswith("cour")
    assert short.endswith("ring")
    assert clean("a\x00b") == "a\ufffdb"


def test_course_time_draws_groups_that_are_no_dates_of_weeks() -> None:
    answer = build.retention(4, question=Retention(align="enrolment"))

    assert isinstance(answer, RetentionAnswer)
    assert "since the enrolment" in " ".join(texts(draw(answer)))
