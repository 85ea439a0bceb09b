"""Answers in the terminal: every width and every number of colours shows the same facts, and nothing runs over."""

import dataclasses
import io
import re

import numpy as np
import pytest
from rich.console import Console

from homeroom.cli.terminal import AnswerView, SourceSummary, answers_view
from homeroom.cli.terminal.bars import bar, spark, split, stretch
from homeroom.cli.terminal.ink import ink_of
from homeroom.cli.terminal.source import rejects_line
from homeroom.cli.terminal.stickiness import brackets
from homeroom.cli.terminal.wording import clean, percent, shorten
from homeroom.cohorts.answers import Source
from homeroom.cohorts.charts.palette import DARK, LIGHT
from homeroom.events.model import Reason
from homeroom.serve.report.reasons import explain
from tests.cli import answers

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
WIDTHS = (60, 80, 100, 160)
COLOURS = (None, "standard", "256", "truecolor")


def render(view, width: int = 80, colours: str | None = None) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=colours, force_terminal=colours is not None,
                      legacy_windows=False)  # fmt: skip
    console.print(view)
    return console.file.getvalue()


def every_view() -> list:
    return [
        SourceSummary(answers.SOURCE, 0.41),
        *(AnswerView(answer) for answer in (
            answers.retention(12), answers.retention(40), answers.retention(30, "day"), answers.retention(24, "hour"),
            answers.lifecycle(12), answers.stickiness(180), answers.active(), answers.active(3),
        )),
    ]  # fmt: skip


@pytest.mark.parametrize("colours", COLOURS)
@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal(width, colours):
    for view in every_view():
        lines = ESCAPE.sub("", render(view, width, colours)).splitlines()
        assert max(len(line) for line in lines) <= width


def test_without_colours_nothing_is_escaped():
    for view in every_view():
        assert "\x1b" not in render(view)


def test_a_triangle_that_fits_shows_sizes_means_and_every_rate():
    answer = answers.retention(4)

    text = render(AnswerView(answer))

    row = next(line for line in text.splitlines() if "2024-01-01" in line)
    first, second, third = (f"{100 * rate:.0f}" for rate in answer.rates[0, 1:])
    assert row.split() == ["2024-01-01", f"{answer.sizes[0]:,}", first, second, f"{third}*"]
    mean = next(line for line in text.splitlines() if "all groups" in line)
    assert mean.split()[2] == f"{answer.sizes.sum():,}"


def test_the_heading_of_a_bracket_is_whole():
    answer = dataclasses.replace(answers.retention(4), columns=("0", "1", "2-30", "31-120"))

    lines = render(AnswerView(answer)).splitlines()

    heading = next(line for line in lines if line.startswith("  week of"))
    assert heading.split()[-3:] == ["1", "2–30", "31–120"]
    assert len(next(line for line in lines if "2024-01-08" in line)) <= len(heading) + 1


def test_a_cell_that_can_still_change_is_marked_in_every_form():
    assert "*" in render(AnswerView(answers.retention(4)))
    assert "not complete yet" in render(AnswerView(answers.retention(4)))
    assert "small digit" in render(AnswerView(answers.retention(40)))
    assert "not complete yet" in render(AnswerView(answers.retention(40)), 80, "truecolor")


def test_a_finished_triangle_has_no_mark_and_no_legend_for_it():
    answer = answers.retention(4)
    finished = dataclasses.replace(answer, complete=answer.counts >= 0)

    assert "not complete" not in render(AnswerView(finished))
    assert "*" not in render(AnswerView(finished))


def test_learners_of_recurring_groups_are_not_summed():
    answer = answers.retention(4)
    recurring = dataclasses.replace(answer, question=type(answer.question)(mode="recurring"))

    assert f"{answer.sizes.sum():,}" not in render(AnswerView(recurring))


def test_a_wide_triangle_shows_means_as_figures_and_a_pixel_a_cell():
    text = render(AnswerView(answers.retention(40)))

    row = next(line for line in text.splitlines() if line.startswith("  2024-01-01"))
    assert len(row.split()[1]) == 39
    assert "39" not in row
    assert "38%" in next(line for line in text.splitlines() if "all groups" in line)


def test_columns_that_have_no_room_are_counted():
    text = render(AnswerView(answers.retention(180, "day")))

    shown = 80 - 2 - len("all groups") - 2
    assert f"{179 - shown} more columns have no room here" in text


def test_in_colour_two_rows_share_a_line_of_half_blocks():
    text = ESCAPE.sub("", render(AnswerView(answers.retention(40)), 80, "truecolor"))

    assert "2024-01-01" in text
    assert "2024-01-08" not in text
    assert "▀" * 38 in text


def test_sixteen_colours_are_too_few_for_a_scale_so_figures_stand_alone():
    assert "percent of the group" in ESCAPE.sub(
        "", render(AnswerView(answers.retention(4)), 80, "standard")
    )


@pytest.mark.parametrize("number", [0, 1])
def test_a_triangle_of_nothing_or_of_one_group_is_drawn(number):
    render(AnswerView(answers.retention(number) if number else empty(answers.retention(1))))


def empty(answer):
    return dataclasses.replace(answer, periods=(), columns=("0",), counts=np.zeros((0, 1), np.int64),
                               complete=np.zeros((0, 1), bool))  # fmt: skip


def test_empty_answers_say_so():
    none, no = np.zeros(0, np.int64), np.zeros(0, bool)
    lifecycle = dataclasses.replace(answers.lifecycle(2), periods=(), new=none, returning=none, resurrecting=none,
                                    dormant=none, complete=no)  # fmt: skip
    stickiness = dataclasses.replace(answers.stickiness(2), periods=(), learners=none, complete=no)

    assert "no groups in this range" in render(AnswerView(empty(answers.retention(1))))
    assert "no periods in this range" in render(AnswerView(lifecycle))
    assert "no active learners" in render(AnswerView(stickiness))


def test_a_lifecycle_shows_every_figure_and_a_brief_one_says_what_it_leaves_out():
    answer = answers.lifecycle(20)

    full, brief = render(AnswerView(answer)), render(AnswerView(answer, "brief"))

    assert all(period in full for period in answer.periods)
    assert answer.periods[0] not in brief
    assert "the newest 16 of 20 weeks" in brief
    assert f"{answer.new[0]:,}" in full


def test_stages_can_be_told_apart_without_colours():
    text = render(AnswerView(answers.lifecycle()), 100)

    assert all(shade in text for shade in "█▓▒░")


def test_stickiness_in_brackets_adds_up():
    for periods in (1, 14, 15, 28, 180, 2_500):
        parts = brackets(periods)
        assert [n for first, last in parts for n in range(first, last + 1)] == list(
            range(1, periods + 1)
        )
        assert len(parts) <= 16


def test_open_periods_are_left_out_of_the_figures_of_active_learners():
    answer = answers.active()

    text = render(AnswerView(answer))

    months = next(line for line in text.splitlines() if line.strip().startswith("month"))
    assert (
        months.split()[1:4] == ["11,000", "11,000", "11,000"]
        or months.split()[3] == f"{answer.month.values[-2]:,}"
    )
    assert months.rstrip().endswith("*")


def test_several_answers_stand_beside_each_other_where_there_is_room():
    pair = [answers.retention(4), answers.lifecycle(4)]

    narrow, wide = render(answers_view(pair, 80), 80), render(answers_view(pair, 160), 160)

    assert any(
        "Retention by week" in line and "Learner lifecycle" in line for line in wide.splitlines()
    )
    assert not any(
        "Retention by week" in line and "Learner lifecycle" in line for line in narrow.splitlines()
    )


def test_a_breakdown_shows_each_value():
    part = answers.retention(4)
    whole = dataclasses.replace(part, parts=(("math-1", part), ("(other)", part)))

    text = render(AnswerView(whole))

    assert "math-1" in text
    assert "(other)" in text


def test_names_from_outside_cannot_steer_the_terminal():
    part = answers.retention(4)
    evil = "\x1b]0;owned\x07\u202egnp.exe"
    whole = dataclasses.replace(part, parts=((evil, part),), notes=(evil,))
    source = Source(
        notes=(evil,), rejects_file=evil, events_rejected=1, rejected_by_reason={evil: 1}
    )

    for text in (render(AnswerView(whole)), render(SourceSummary(source)), rejects_line(source)):
        assert not set(text) & {"\x1b", "\x07", "\u202e"}


def test_the_summary_says_what_was_read_repeated_and_rejected():
    assert "22,133 events from 3 files in 0.5 s\n" in render(SourceSummary(answers.SOURCE, 0.5))
    text = render(SourceSummary(answers.SOURCE, 5.0))

    assert "22,133 events from 3 files in 5.0 s, 4,427 a second" in text
    assert "22,100 events of 1,204 learners" in text
    assert "21 exact repeats counted once" in text
    assert f"10  time_without_zone   {explain('time_without_zone')[1][:30]}" in text
    assert "homeroom-rejects.ndjson" in text


def test_a_summary_without_rejects_says_none():
    assert "rejected  none" in render(
        SourceSummary(Source(events_read=1, events_accepted=1, learners=1))
    )


def test_every_reason_is_put_in_words_that_fit():
    for reason in Reason:
        text = render(SourceSummary(Source(events_rejected=1, rejected_by_reason={reason: 1})), 60)
        explained = text.partition(reason)[2].split()
        assert len(explained) > 3


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, "0"),
        (0.001, "<1"),
        (0.005, "0"),
        (0.124, "12"),
        (0.996, "99"),
        (1, "100"),
        (float("nan"), "–"),
    ],
)
def test_a_share_is_never_rounded_to_none_or_all(rate, text):
    assert percent(rate) == text


def test_a_long_name_keeps_both_of_its_ends():
    assert shorten("course-v1:edX+DemoX+2024_T1", 13) == "course…024_T1"
    assert clean("a\tb") == "a\ufffdb"


def test_a_bar_of_little_is_not_the_bar_of_nothing():
    assert bar(0, 100, 10) == ""
    assert bar(1, 10_000, 10) == "▏"
    assert bar(100, 100, 10) == "▇" * 10


def test_a_stacked_bar_is_as_long_as_its_sum():
    assert sum(split([1, 1, 1], 9, 20)) == round(3 / 9 * 20)
    assert split([0, 0], 0, 20) == [0, 0]


def test_a_line_keeps_its_ends_when_it_is_stretched():
    assert stretch(np.array([1.0, 2.0]), 4).tolist() == [1, 1, 2, 2]
    assert stretch(np.arange(4.0), 2).tolist() == [0.5, 2.5]
    assert spark(np.array([0.0, 1.0, 8.0]), 8.0) == ".▁▇"


def test_a_light_terminal_gets_the_light_scheme():
    console = Console(file=io.StringIO(), color_system="truecolor", force_terminal=True)

    assert ink_of(console, {"COLORFGBG": "0;15"}).scheme is LIGHT
    assert ink_of(console, {"COLORFGBG": "15;0"}).scheme is DARK
    assert ink_of(console, {}).scheme is DARK


@pytest.mark.parametrize("background", ["0;15", "15;0"])
@pytest.mark.parametrize("colours", ["256", "truecolor"])
def test_figures_can_be_read_on_every_step_of_the_scale(colours, background):
    console = Console(file=io.StringIO(), color_system=colours, force_terminal=True)
    ink = ink_of(console, {"COLORFGBG": background})

    for step in range(10):
        style = ink.cell(step)
        text, field = (luminance(colour.get_truecolor()) for colour in (style.color, style.bgcolor))
        assert (max(text, field) + 0.05) / (min(text, field) + 0.05) >= 4.5, step


@pytest.mark.parametrize("background", ["0;15", "15;0"])
@pytest.mark.parametrize("colours", ["256", "truecolor"])
def test_lightness_goes_one_way_along_the_scale(colours, background):
    console = Console(file=io.StringIO(), color_system=colours, force_terminal=True)
    ink = ink_of(console, {"COLORFGBG": background})

    lightness = [luminance(ink.pixel(step).get_truecolor()) for step in range(10)]
    assert len(set(lightness)) == 10
    assert lightness == sorted(lightness, reverse=background == "0;15")


def luminance(colour) -> float:
    """Return the relative luminance of a colour (WCAG 2.2)."""
    parts = [part / 255 for part in colour]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_triangles_that_stand_together_share_one_scale():
    low, high = answers.retention(4), answers.retention(4)
    fall = dataclasses.replace(
        low, counts=np.where(low.counts > 0, np.maximum(low.counts // 20, 0), low.counts)
    )
    fall.counts[:, 0] = low.counts[:, 0]

    text = ESCAPE.sub("", render(answers_view([fall, high], 80), 80, "truecolor"))

    legends = [line for line in text.splitlines() if line.strip().startswith("0%")]
    assert len(legends) == 2
    assert len({line.split("%")[1].strip() for line in legends}) == 1
