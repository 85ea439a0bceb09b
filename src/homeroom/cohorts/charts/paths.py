"""Paths as a river: a column a step, as many px high as there are paths, and ribbons from column to column.

Who ends somewhere leaves its node as a short grey stub, so a river that gets thinner says where. Paths that lead to
something are drawn with that at the right, since time runs from left to right. Where a drawing is too narrow for
ribbons (a telephone, a panel of a breakdown) each step is a list of bars: what is lost is from where to where, which
the numbers hold.
"""

from collections.abc import Callable, Mapping

from homeroom import limits
from homeroom.cohorts.answers import PathsAnswer
from homeroom.cohorts.answers.behaviour import BEGIN
from homeroom.cohorts.charts import words
from homeroom.cohorts.charts.behaviour_words import end_words, root_label, short_names
from homeroom.cohorts.charts.numbers import Numbers
from homeroom.cohorts.charts.panels import (
    GAP_PX,
    NAME_PX,
    Key,
    Panel,
    assemble,
    columns_for,
    legend,
)
from homeroom.cohorts.charts.path_layout import Box, Ribbon, lay_out
from homeroom.cohorts.charts.svg import Figure, escape, group, path, rect, shorten, text, text_width
from homeroom.cohorts.matching import OTHER

__all__ = ["figure", "numbers"]

PITCH_PX_MIN = 104
NODE_PX = 10
RIBBON_PX_MIN = 0.2
"""What is thinner than a hair would be drawn as a hair: dozens of these look like a flow."""
STUB_PX = 14
RIVER_PX_MIN = 480
ROW_PX = 36
LISTED_MAX = 5
"""Nodes of a step in a list of bars."""
_ENDED = 'fill-opacity="0.4"'


def figure(answer: PathsAnswer, width: float) -> Figure:
    """Draw the paths, or one panel a value of a breakdown."""
    named = [("All learners" if answer.parts else "", answer)]
    named += [(value, part) for value, part in answer.parts if isinstance(part, PathsAnswer)]
    room = (width + GAP_PX) / columns_for(len(named), width) - GAP_PX
    panels = [_panel(part, name, room) for name, part in named]
    all_paths = f"Share of all {words.count(answer.paths)} paths"
    keys = [Key("returning", all_paths), Key("muted", end_words(answer.question).capitalize())]
    heads = (words.heading(answer), words.summary(answer))
    return assemble(panels, heads, width, legend(keys, _notes(answer, room), width))


def _notes(answer: PathsAnswer, room: float) -> list[str]:
    notes, depth = [], answer.question.depth
    shown = _steps_drawn(answer, room)
    if room >= RIVER_PX_MIN and shown < depth:
        notes.append(f"The first {shown} of {depth} steps are drawn; the numbers hold all.")
    if answer.open:
        notes.append(f"{words.count(answer.open)} paths could still change: the visit is not over.")
    if answer.parts:
        notes.append("Shares are of the paths of each panel.")
    return notes


def _steps_drawn(answer: PathsAnswer, room: float) -> int:
    return max(min(answer.question.depth, int(room // PITCH_PX_MIN) - 1), 1)


def _panel(answer: PathsAnswer, name: str, width: float) -> Panel:
    head = text((0, 12), shorten(name, width, NAME_PX), "name ink") if name else ""
    down = 24 if name else 0
    if not answer.paths:
        return Panel(width, 48 + down, head + text((0, 32 + down), "No paths in this range.", "muted"))  # fmt: skip
    height, body = (_river if width >= RIVER_PX_MIN else _lists)(answer, width)
    return Panel(width, height + down, head + group((0, down), body))


def _names(answer: PathsAnswer) -> Mapping[str, str]:
    short = short_names(node.value for node in answer.nodes)
    return {**short, OTHER: OTHER, BEGIN: root_label(answer.question)}


# --- the river -------------------------------------------------------------------------------------------------


def _river(answer: PathsAnswer, width: float) -> tuple[float, str]:
    steps = _steps_drawn(answer, width)
    layout = lay_out(answer, steps, limits.CHART_PATH_NODES_MAX)
    pitch = width / (steps + 1)
    lead_back = answer.direction == "before"
    names = _names(answer)

    def left(step: int) -> float:
        return width - NODE_PX - step * pitch if lead_back else step * pitch

    body = [_ribbon(one, left, names) for one in layout.ribbons if one.width >= RIBBON_PX_MIN]
    for box in layout.boxes:
        x = left(box.step)
        body.append(rect((x, box.y, NODE_PX, max(box.height, 1)), _style(box), radius=1))
        if box.ended:
            tall = max(box.ended * layout.scale, 0.5)
            stub = x - STUB_PX if lead_back else x + NODE_PX
            route = f"M{stub:.1f} {box.ended_y:.1f}h{STUB_PX}v{tall:.1f}h-{STUB_PX}Z"
            body.append(path(route, "muted", _ENDED))
    for box in layout.boxes:
        said = f" {_share(answer, box.paths)}" if box.step else ""
        label = shorten(names[box.name], pitch - NODE_PX - 14 - text_width(said)) + said
        x = left(box.step) - 6 if lead_back else left(box.step) + NODE_PX + 6
        at = (x, box.y + box.height / 2 + 4)
        body.append(text(at, label, "ink halo", "end" if lead_back else "start"))
        hit = (left(box.step), box.y, NODE_PX, max(box.height, 8))
        body.append(rect(hit, "hit", _title(answer, box, names)))
    return layout.height, "".join(body)


def _style(box: Box) -> str:
    return "muted" if box.name == OTHER else "returning"


def _ribbon(one: Ribbon, left: Callable[[int], float], names: Mapping[str, str]) -> str:
    begin, end = left(one.source.step), left(one.target.step)
    begin, end = (begin + NODE_PX, end) if begin < end else (begin, end + NODE_PX)
    middle = (begin + end) / 2
    top, low, wide = one.leaves_y, one.arrives_y, one.width
    route = (
        f"M{begin:.1f} {top:.1f}C{middle:.1f} {top:.1f} {middle:.1f} {low:.1f} {end:.1f} {low:.1f}v{wide:.1f}"
        f"C{middle:.1f} {low + wide:.1f} {middle:.1f} {top + wide:.1f} {begin:.1f} {top + wide:.1f}Z"
    )
    said = f"{names[one.source.name]} to {names[one.target.name]}: {words.count(one.paths)} paths"
    share = words.share(one.paths / one.source.paths)
    head = path(route, _style(one.target), 'fill-opacity="0.28"')
    return f"{head[:-2]}><title>{escape(f'{said}, {share} of those there')}</title></path>"


def _title(answer: PathsAnswer, box: Box, names: Mapping[str, str]) -> str:
    where = f"Step {box.step}, {names[box.name]}" if box.step else names[box.name]
    ended = f", {words.count(box.ended)} {end_words(answer.question)}" if box.ended else ""
    return f"{where}: {words.count(box.paths)} paths = {_share(answer, box.paths)}{ended}"


def _share(answer: PathsAnswer, paths: int) -> str:
    return words.share(answer.share(paths), 0)


# --- lists of bars ---------------------------------------------------------------------------------------------


def _lists(answer: PathsAnswer, width: float) -> tuple[float, str]:
    """Draw the nodes of each step as bars."""
    layout = lay_out(answer, answer.question.depth, LISTED_MAX)
    names = _names(answer)
    root = f"{names[BEGIN]}: {words.count(answer.paths)} paths"
    body, y = [text((0, 12), shorten(root, width), "ink")], 28.0
    for step in range(1, answer.question.depth + 1):
        boxes = [box for box in layout.boxes if box.step == step]
        if boxes:
            body.append(text((0, y + 12), f"Step {step}", "muted"))
            y += 20
        for box in boxes:
            body.append(group((0, y), _bar(answer, box, names, width)))
            y += ROW_PX
        y += 8
    return y, "".join(body)


def _bar(answer: PathsAnswer, box: Box, names: Mapping[str, str], width: float) -> str:
    said = _share(answer, box.paths)
    label = shorten(names[box.name], width - text_width(said) - 12)
    long, ended = (max(width * n / answer.paths, 0.5) for n in (box.paths, box.ended))
    bars = rect((0, 18, width, 10), "track", radius=2) + rect((0, 18, long, 10), _style(box), radius=2)  # fmt: skip
    if box.ended:
        bars += path(f"M{long - ended:.1f} 18h{ended:.1f}v10h-{ended:.1f}Z", "muted")
    hit = rect((0, 0, width, ROW_PX - 4), "hit", _title(answer, box, names))
    return text((0, 13), label, "ink") + text((width, 13), said, "ink", "end") + bars + hit


# --- numbers ---------------------------------------------------------------------------------------------------


def numbers(answer: PathsAnswer) -> tuple[Numbers, ...]:
    """Return what came at each step, and from where to where."""
    names = short_names(value for edge in answer.edges for value in (edge.source, edge.target))
    most = limits.REPORT_ROWS_MAX
    came = tuple(
        (
            f"{node.step}. {names[node.value]}",
            words.count(node.paths),
            words.share(answer.share(node.paths)),
            words.count(node.learners),
            words.count(node.ended),
        )
        for node in answer.nodes
    )
    went = tuple(
        (
            f"{edge.step}. {names[edge.source]}",
            names[edge.target],
            words.count(edge.paths),
            words.share(answer.share(edge.paths)),
            words.count(edge.learners),
        )
        for edge in answer.edges
    )
    paths = f"{words.count(answer.paths)} paths of {words.count(answer.learners)} learners"
    came_heads = ("Step", "Paths", "Share", "Learners", end_words(answer.question).capitalize())
    went_heads = ("To step, from", "To", "Paths", "Share", "Learners")
    return (
        Numbers(f"What came at each step, of {paths}", came_heads, came[:most], len(came) > most),
        Numbers("From where to where", went_heads, went[:most], len(went) > most),
    )
