"""Retention triangles.

Two ways lead to the same counts. First-time retention of any activity over whole days, weeks or months, from columns
that are clustered by first day, is a positional popcount (`kernels.triangles`): no other question is as frequent or
as quick. Everything else (recurring, on or after, brackets, other behaviours, history) goes through period bits.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.activity import Activity, partition_mask, track_words
from homeroom.cohorts.kernels import bits as kernels
from homeroom.cohorts.kernels import triangles
from homeroom.cohorts.matching import Selection
from homeroom.cohorts.periods import LEAD, Periods
from homeroom.cohorts.questions import Retention
from homeroom.events.model import Int8s, Int64s, UInt64s
from homeroom.events.texts import sealed
from homeroom.state.running import Run, summed
from homeroom.state.table import Partition, SubjectTable

__all__ = [
    "bit_triangle",
    "clustered_triangle",
    "column_labels",
    "completeness",
    "is_clustered_question",
    "masked_triangle",
    "shown",
]

Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def is_clustered_question(question: Retention) -> bool:
    """Whether the clustered kernels answer it: first-time, on, single periods, the same behaviour twice."""
    return (
        question.mode == "first-time"
        and question.match == "on"
        and not question.brackets
        and not question.entry
        and not question.returning
    )


def clustered_triangle(
    table: SubjectTable, selection: Selection, periods: Periods, run: Run
) -> Counts:
    """Return the first-time triangle of any activity, int64 of shape (periods, periods), from clustered columns."""
    masks = [partition_mask(partition, selection) for partition in table.partitions]
    return masked_triangle(table, masks, periods, run)


def masked_triangle(
    table: SubjectTable, masks: Sequence[Int8s | None], periods: Periods, run: Run
) -> Counts:
    """Do as `clustered_triangle` for ready masks, one a partition as `partition_mask` makes them."""
    parts = [
        (partition, mask)
        for partition, mask in zip(table.partitions, masks, strict=True)
        if partition.rows
    ]
    # Partitions mostly hold the same words: these are cut once for each layout, not for each partition.
    layouts = {(p.first_word, p.word_count): p for p, _ in parts}
    cut = {
        layout: triangles.cut_segments(_shown_pieces(p, periods), p.word_count)
        for layout, p in layouts.items()
    }

    def add(part: tuple[Partition, Int8s | None], counts: Counts) -> None:
        partition, mask = part
        segments = cut[partition.first_word, partition.word_count]
        _add_partition(partition, mask, periods, segments, counts)

    return summed(parts, (periods.count, periods.count), add, run)


def _add_partition(
    partition: Partition,
    mask: Int8s | None,
    periods: Periods,
    segments: triangles.Segments,
    counts: Counts,
) -> None:
    rows = triangles.Rows(
        track_words(partition, None),
        sealed(partition.start_day[: partition.rows]),
        sealed(partition.run_days),
        sealed(partition.run_starts),
        sealed(partition.displaced()),
    )
    edges = sealed(periods.days[1:])
    triangles.clustered_rows_triangle(rows, edges, mask, segments, counts)


def _shown_pieces(partition: Partition, periods: Periods) -> tuple[Int64s, Int64s, UInt64s]:
    starts, word, bits = periods.pieces(partition.first_word, partition.word_count)
    return sealed(starts[LEAD:]), word, bits


def bit_triangle(
    activity: Activity,
    question: Retention,
    entry: Selection,
    returning: Selection,
    periods: Periods,
    run: Run,
) -> Counts:
    """Return counts, int64 of shape (periods, columns), from period bits.

    With brackets, column 0 is the group and the others are the brackets.
    """
    spans = _spans(question, periods.count)
    columns = max(periods.count, 1) if spans is None else len(spans) + 1

    def add(block: tuple[int, int, int], counts: Counts) -> None:
        group = activity.bits(block, entry)
        same = question.mode == "recurring" and entry is returning
        back = group if same else activity.bits(block, returning)
        _add_block(question, group, back, spans, counts)

    return summed(activity.blocks(), (periods.count, columns), add, run)


def _add_block(
    question: Retention,
    group: npt.NDArray[np.uint64],
    back: npt.NDArray[np.uint64],
    spans: Counts | None,
    counts: Counts,
) -> None:
    if question.mode == "first-time":
        kernels.keep_first(group)
    sizes = np.zeros(len(counts), np.int64)
    kernels.count_active(group[LEAD:], sizes)
    counts[:, 0] += sizes
    found = np.zeros_like(counts)
    if spans is not None:
        kernels.bracket_product(group, back, LEAD, spans, found[:, 1:])
    else:
        if question.match == "on-or-after":
            back = back.copy() if back is group else back
            kernels.or_later(back)
        kernels.product(group, back, LEAD, found)
    counts[:, 1:] += found[:, 1:]


def _spans(question: Retention, count: int) -> Counts | None:
    """Return the brackets as offsets, both ends in; on or after, they all end with the range."""
    if not question.brackets:
        return None
    spans = np.array(question.brackets, np.int64)
    if question.match == "on-or-after":
        spans[:, 1] = count
    return sealed(spans)


def shown(question: Retention, counts: Counts) -> Flags:
    """Return which cells lie within the range, bool of the shape of ``counts``."""
    periods = len(counts)
    firsts = (
        np.array([0, *(first for first, _ in question.brackets)])
        if question.brackets
        else np.arange(periods)
    )
    return np.arange(periods)[:, None] + firsts[None, :] < periods


def completeness(question: Retention, counts: Counts, ended: Flags) -> Flags:
    """Return which cells cannot change any more: all periods that they look at lie in the range and have ended.

    A cell of *on or after* looks at all periods up to the end of the range. Column 0 looks at its own period.
    """
    periods = len(counts)
    lasts = (
        np.array([0, *(end for _, end in question.brackets)])
        if question.brackets
        else np.arange(periods)
    )
    last = np.arange(periods)[:, None] + lasts[None, :]
    if question.match == "on-or-after":
        last[:, 1:] = periods - 1
    through = np.append(np.logical_and.accumulate(ended), False)
    return np.asarray(through[np.minimum(last, periods)] & shown(question, counts))


def column_labels(question: Retention, count: int) -> tuple[str, ...]:
    """Return the names of the columns: periods since, or brackets."""
    if not question.brackets:
        return tuple(str(k) for k in range(max(count, 1)))
    return ("0", *(str(a) if a == b else f"{a}-{b}" for a, b in question.brackets))
