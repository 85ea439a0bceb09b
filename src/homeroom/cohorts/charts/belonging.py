"""Cohorts as pictures and tables: bars of their size, a grid of what they share, lists.

In the grid a cell is the share of the row's cohort that is in the column's too; the table beside it has the counts.
"""

from homeroom import limits
from homeroom.cohorts.answers import (
    SUPPRESSED,
    CohortAnswer,
    LearnerAnswer,
    MembersAnswer,
    OverlapAnswer,
)
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.axes import frame, period_axis, value_axis
from homeroom.cohorts.charts.numbers import Numbers, newest, open_count
from homeroom.cohorts.charts.palette import STEPS
from homeroom.cohorts.charts.panels import Key, Panel, assemble, legend, newest_note
from homeroom.cohorts.charts.scale import rate_step, ruler
from homeroom.cohorts.charts.svg import Figure, hatch, rect, shorten, text, text_width

__all__ = [
    "learner_numbers",
    "members_numbers",
    "overlap_figure",
    "overlap_numbers",
    "size_figure",
    "size_numbers",
]

NAME_PX_MAX = 200
CELL_PX = (28.0, 72.0)
ROW_PX = 28
HEAD_PX = 24


def size_figure(answer: CohortAnswer, width: float) -> Figure:
    """Draw the size of a cohort as a bar a period."""
    shown = min(len(answer.sizes), limits.CHART_PERIODS_MAX)
    first = len(answer.sizes) - shown
    sizes = [max(size, 0) for size in answer.sizes[first:].tolist()]
    head = (words.heading(answer), words.summary(answer))
    if not any(sizes):
        panel = Panel(width, 48, text((0, 32), "No members in this range.", "muted"))
        return assemble([panel], head, width, Panel(width, 0, ""))
    unit = words.unit(answer.question)
    labels = [words.period_label(one, unit) for one in answer.periods[first:]]
    at = frame(width, 224, ruler(1.05 * max(sizes), 4), shown)
    body = [value_axis(at, "Members"), period_axis(at, labels)]
    for i, size in enumerate(sizes):
        x, wide = at.band(i)
        box = (x, at.y(size), wide, at.y(0) - at.y(size))
        body.append(rect(box, "returning"))
        if not answer.complete[first + i]:
            body.append(f"{rect(box, 'x')[:-2]} {hatch('surface')}/>")
        told = words.told(int(answer.sizes[first + i]))
        learners = words.count(int(answer.learners[first + i]))
        body.append(rect(at.hit(i), "hit", f"{labels[i]}: {told} of {learners} learners"))
    keys = [] if answer.complete.all() else [Key("", "Not complete yet")]
    notes = newest_note(shown, len(answer.sizes), f"{unit}s")
    return assemble(
        [Panel(width, at.height, "".join(body))], head, width, legend(keys, notes, width)
    )


def overlap_figure(answer: OverlapAnswer, width: float) -> Figure:
    """Draw a grid of the shares of each cohort that are in each other one."""
    room = min(width * 0.4, NAME_PX_MAX)
    names = [shorten(f"{i} {name}", room) for i, name in enumerate(answer.cohorts, 1)]
    left = max(text_width(name) for name in names) + 8
    cell = min(max((width - left) / len(names), CELL_PX[0]), CELL_PX[1])
    body = [
        text((left + (j + 0.5) * cell, 12), str(j + 1), "muted", "middle")
        for j in range(len(names))
    ]
    for i, name in enumerate(names):
        top = HEAD_PX + i * ROW_PX
        body.append(text((0, top + ROW_PX / 2 + 4), name))
        body += [
            _shared_cell(answer, (i, j), (left + j * cell, top, cell - 1, ROW_PX - 1.0))
            for j in range(len(names))
        ]
    note = "A cell is the share of the row's cohort that is in the column's too; columns are numbered as the rows."
    head = (words.heading(answer), words.summary(answer))
    used = max(left + len(names) * cell, width)
    panel = Panel(used, HEAD_PX + ROW_PX * len(names), "".join(body))
    return assemble([panel], head, used, legend((), (note,), used))


def _shared_cell(
    answer: OverlapAnswer, at: tuple[int, int], box: tuple[float, float, float, float]
) -> str:
    row, column = at
    count, size = int(answer.shared[row, column]), int(answer.shared[row, row])
    title = f"{answer.cohorts[row]} and {answer.cohorts[column]}: {words.told(count)}"
    if row == column or SUPPRESSED in (count, size) or not size:
        return rect(box, "track", title)
    rate = count / size
    step = rate_step(rate, 1.0)
    ink = "low-ink" if step < STEPS // 2 else "high-ink"
    title += f", {words.share(rate)} of {answer.cohorts[row]}"
    middle = (box[0] + box[2] / 2, box[1] + box[3] / 2 + 4)
    shown = words.share(rate, 0) if box[2] >= CELL_PX[0] + 6 else ""
    return rect(box, f"s{step}", title) + text(middle, shown, f"cell {ink}", "middle")


def members_numbers(answer: MembersAnswer) -> tuple[Numbers, ...]:
    """Return the list of members, cut to what people read."""
    size, learners = words.told(answer.size), words.count(answer.learners)
    most = limits.REPORT_ROWS_MAX
    heads: tuple[str, ...] = ("Learner",)
    shown = answer.members[:most]
    rows: tuple[tuple[str, ...], ...] = tuple((one,) for one in shown)
    if answer.names is not None:
        heads = ("Learner", "Issuer", "Account")
        rows = tuple((one, *answer.names.get(one, ("", ""))) for one in shown)
    caption = f"{size} of {learners} learners"
    return (Numbers(caption, heads, rows, len(answer.members) > most),)


def size_numbers(answer: CohortAnswer) -> tuple[Numbers, ...]:
    """Return the size by period, and what changed between two dates."""
    unit = words.unit(answer.question)
    rows = tuple(
        (
            words.period_label(period, unit),
            words.NOT_TOLD if size == SUPPRESSED else open_count(size, answer.complete[i]),
            words.share(size / learners) if size != SUPPRESSED and learners else "\u2013",
        )
        for i, (period, size, learners) in enumerate(
            zip(answer.periods, answer.sizes.tolist(), answer.learners.tolist(), strict=True)
        )
    )
    sizes = newest("Size at the end", (unit.capitalize(), "Members", "Of all learners"), rows)
    return (sizes, *_change_numbers(answer))


def _change_numbers(answer: CohortAnswer) -> tuple[Numbers, ...]:
    """Return who entered and left, in numbers, and which rules that was for."""
    change = answer.change
    if change is None:
        return ()
    moved = tuple(
        (name, words.NOT_TOLD if found is None else words.count(len(found)))
        for name, found in (("Entered", change.entered), ("Left", change.left))
    )
    between = f"between {change.first} and {change.last}"
    return (
        Numbers(
            f"Changes {between}", ("", "Learners"), (*moved, ("Stayed", words.told(change.stayed)))
        ),
        Numbers(
            f"What changed for those who entered and left {between}",
            ("Rule", "Entered", "Left"),
            tuple(
                (rule, words.told(entered), words.told(left))
                for rule, entered, left in change.reasons
            ),
        ),
    )


def overlap_numbers(answer: OverlapAnswer) -> tuple[Numbers, ...]:
    """Return what each two cohorts share, and the exact sets of cohorts."""
    shared = tuple(
        (name, *(words.told(int(count)) for count in answer.shared[i]))
        for i, name in enumerate(answer.cohorts)
    )
    exact = tuple((" + ".join(names), words.told(count)) for names, count in answer.exact)
    return (
        Numbers("Learners in both", ("Cohort", *answer.cohorts), shared),
        Numbers("Learners in just these", ("Cohorts", "Learners"), exact),
    )


def learner_numbers(answer: LearnerAnswer) -> tuple[Numbers, ...]:
    """Return the cohorts of a learner, and of each its rules."""
    cohorts = tuple((one.cohort, _yes(holds=one.is_member)) for one in answer.cohorts)
    rules = tuple(
        (one.cohort, rule, _yes(holds=holds))
        for one in answer.cohorts
        for rule, holds in one.reasons
    )
    return (
        Numbers(f"Learner {answer.question.learner}", ("Cohort", "Member"), cohorts),
        Numbers("Which rules hold", ("Cohort", "Rule", "Holds"), rules),
    )


def _yes(*, holds: bool) -> str:
    return "yes" if holds else "no"
