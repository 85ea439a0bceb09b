"""The curve of a video: how many watched each second, and how often it was watched.

Viewers are an area and views a line above it: where the line leaves the area, learners watch again; where the area
falls and rises again, they skip; where it falls for good, they leave.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from homeroom.cohorts.answers.course_activities import Video
from homeroom.cohorts.answers.course_parts import clock
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.axes import FOOT_PX, HEAD_PX, Frame, frame, value_axis
from homeroom.cohorts.charts.course_tables import span
from homeroom.cohorts.charts.panels import Panel, legend
from homeroom.cohorts.charts.scale import ruler
from homeroom.cohorts.charts.svg import group, path, rect, text, text_width

__all__ = ["POINTS_MAX", "curve", "video_panel"]

POINTS_MAX: Final = 300
"""Points of a curve; of a longer video several seconds share one, as their mean."""
_PLOT_PX: Final = 130
_BANDS: Final = 100
"""The time of a video is no row of bars; so many bands let the rules run to its end."""
_STEPS_S: Final = (10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600)


def curve(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return counts by second as at most `POINTS_MAX` means of neighbours."""
    if len(counts) <= POINTS_MAX:
        return counts.astype(np.float64)
    edges = np.arange(POINTS_MAX + 1) * len(counts) // POINTS_MAX
    return np.add.reduceat(counts, edges[:-1]) / np.diff(edges)


def video_panel(video: Video, width: float) -> Panel:
    """Draw the curve of a video, and under it where it is left, skipped and rewatched."""
    most = float(max(video.views_at.max(), 1))
    at = frame(width, _PLOT_PX, ruler(most, 3), _BANDS)
    body = [value_axis(at, "Learners and views"), _time_axis(at, video)]
    viewers, views = curve(video.viewers_at), curve(video.views_at)
    left, right = at.left, at.width
    area = f"M{left:.1f} {at.y(0):.1f}{_steps(viewers, at, 'L')}V{at.y(0):.1f}Z"
    body.append(path(area, "returning", 'fill-opacity="0.45"'))
    body.append(path(_steps(views, at, "M"), "line-resurrecting", 'fill="none" stroke-width="1.5"'))
    if video.left_at is not None:
        x = left + (right - left) * video.left_at / len(video.viewers_at)
        body.append(
            path(f"M{x:.1f} {HEAD_PX}V{at.y(0):.1f}", "line-muted", 'stroke-dasharray="3 3"')
        )
    body.append(rect((left, HEAD_PX, right - left, at.plot), "hit", _said(video)))
    foot = legend((), [_said(video)], width)
    return Panel(width, at.height + foot.height, "".join(body) + group((0, at.height), foot.body))


def _said(video: Video) -> str:
    said = [f"{video.viewers:,} viewers, {words.share(video.watched_share, 0)} watched on average"]
    if video.left_at is not None:
        said.append(f"left by a third at {clock(video.left_at)}")
    if video.skipped:
        said.append(f"skipped {span(video.skipped)}")
    if video.rewatched:
        said.append(f"watched again {span(video.rewatched)}")
    return "; ".join(said)


def _steps(values: npt.NDArray[np.float64], at: Frame, first: str) -> str:
    """Write a route of steps, one a value, from the left end to the right."""
    pitch = (at.width - at.left) / len(values)
    out, before = [], None
    for i, value in enumerate(values.tolist()):
        y = f"{at.y(value):.1f}"
        if i == 0:
            out.append(f"{first}{at.left:.1f} {y}")
        elif y != before:
            out.append(f"H{at.left + i * pitch:.1f}V{y}")
        before = y
    return "".join(out) + f"H{at.width:.1f}"


def _time_axis(at: Frame, video: Video) -> str:
    length = len(video.viewers_at)
    room = (at.width - at.left) / length
    widest = text_width(clock(length)) + 16
    step = next((s for s in _STEPS_S if s * room >= widest), _STEPS_S[-1])
    body = []
    for second in range(0, length + 1, step):
        x, label = at.left + second * room, clock(second)
        half = text_width(label) / 2
        x = min(max(x, half), at.width - half)
        body.append(text((x, HEAD_PX + at.plot + FOOT_PX - 8), label, "muted", "middle"))
    return "".join(body)
