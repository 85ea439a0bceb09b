"""Tables of funnels and paths in the hand-worked examples.

A funnel's table has a line of counts by step, one of medians from the step before in seconds (``-`` is none), and one
of how many are open. A table of paths has a line of paths, learners and open paths, then a line a node: its step and
value, then paths, learners, and paths that ended there; then a line an edge, with ``>`` between from and to, then paths
and learners.
"""

from typing import Any

__all__ = ["funnel_table", "paths_table"]


def funnel_table(lines: list[str], _periods: list[str]) -> dict[str, Any]:
    """Read the table of a funnel."""
    rows = dict(map(_split, lines))
    medians = rows.get("median", ["-"] * len(rows["counts"]))
    return {
        "steps": [
            {
                "count": int(count),
                **({} if "median" not in rows else {"median_from_previous_s": _number(median)}),
            }
            for count, median in zip(rows["counts"], medians, strict=True)
        ],
        "open": int(rows["open"][0]),
    }


def paths_table(lines: list[str], _periods: list[str]) -> dict[str, Any]:
    """Read the table of paths."""
    nodes, edges, whole = [], [], {}
    for name, cells in map(_split, lines):
        numbers = list(map(int, cells))
        if name == "paths":
            whole = dict(zip(("paths", "learners", "open"), numbers, strict=True))
            continue
        step, _, what = name.partition(" ")
        if ">" in what:
            source, target = (part.strip() for part in what.split(">"))
            ends = {"step": int(step), "from": source, "to": target}
            edges.append(ends | dict(zip(("paths", "learners"), numbers, strict=True)))
        else:
            node = {"step": int(step), "value": what}
            nodes.append(node | dict(zip(("paths", "learners", "ended"), numbers, strict=True)))
    return {**whole, "nodes": nodes, "edges": edges}


def _split(line: str) -> tuple[str, list[str]]:
    name, _, rest = line.partition("|")
    return name.strip(), rest.split()


def _number(cell: str) -> float | None:
    return None if cell == "-" else float(cell)
