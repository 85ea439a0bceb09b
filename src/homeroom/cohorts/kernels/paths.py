"""Which ways learners take: their visits as rows of nodes, and how many went from each node to each other.

A path is written down as its nodes, four bytes each, and that is all that is kept of the events. Which nodes are told
apart at a step depends on all paths, so they are counted first and joined after; going over the written paths twice
costs less than reading the events twice, and they can be no more than the events.
"""

import numpy as np

from homeroom.kernel import inlined, kernel

__all__ = ["count_flows", "count_nodes", "write_paths"]


@kernel
def write_paths(line, rules, span, nodes, found):
    """Write the paths of a block of learners; return how many paths, how many nodes.

    Parameters
    ----------
    line : (offsets, time_ms, what) of a timeline; bit 1 of ``what`` says that a path may hang there, its upper half
        is the node
    rules : (depth, gap_ms, place, is_folded); a pause over ``gap_ms`` ends a visit; ``place`` is 0 where paths begin
        with the visit, 1 where they follow the first event that a path hangs at, -1 where they lead back from the last
    span : (from_ms, to_ms, as_of_ms); the event that a path hangs at, or the visit's first, lies in ``from_ms`` to
        ``to_ms``
    nodes : int32, filled with the nodes of one path after the other
    found : (lengths, learners, is_open): uint8, int32, uint8 by path: how many nodes, whose, whether it can change
    """
    offsets, time_ms, what = line
    lengths, learners, is_open = found
    gap_ms = rules[1]
    paths, used = 0, 0
    for row in range(len(offsets) - 1):
        first = offsets[row]
        while first < offsets[row + 1]:
            end = first + 1
            while end < offsets[row + 1] and time_ms[end] - time_ms[end - 1] <= gap_ms:
                end += 1
            hung = _hung(first, end, what, rules[2])
            if hung >= 0 and span[0] <= time_ms[hung] < span[1]:
                length = _write_path(first, end, hung, what, rules, nodes, used)
                is_whole = rules[2] >= 0 and length == rules[0]
                lengths[paths] = length
                learners[paths] = row
                is_open[paths] = not is_whole and time_ms[end - 1] > span[2] - gap_ms
                paths += 1
                used += length
            first = end
    return paths, used


@inlined
def _hung(first, end, what, place):
    """Return the event of a visit that its path hangs at, -1 if there is none."""
    if place == 0:
        return first
    for i in range(end - first):
        event = first + i if place > 0 else end - 1 - i
        if what[event] & np.uint64(2):
            return event
    return -1


@inlined
def _write_path(first, end, hung, what, rules, nodes, used):
    """Write the nodes of one path from place ``used`` on; return how many."""
    depth, _, place, is_folded = rules
    step = -1 if place < 0 else 1
    event = hung if place == 0 else hung + step
    before = np.int64(-1) if place == 0 else np.int64(what[hung] >> np.uint64(32))
    length = 0
    while first <= event < end and length < depth:
        node = np.int64(what[event] >> np.uint64(32))
        if node != before or not is_folded:
            nodes[used + length] = node
            length += 1
        before = node
        event += step
    return length


@kernel
def count_nodes(paths, step, paths_by_node, learners_by_node, seen):
    """Count the paths of a block, and its learners, by their node at a step, counted from 0.

    ``paths`` = (lengths, learners, nodes) as `write_paths` leaves them; the counts are int64 by node, added to.
    ``seen`` is int32 by node, below the block's first learner.
    """
    lengths, learners, nodes = paths
    at = 0
    for path in range(len(lengths)):
        if lengths[path] > step:
            node = nodes[at + step]
            paths_by_node[node] += 1
            if seen[node] != learners[path]:
                seen[node] = learners[path]
                learners_by_node[node] += 1
        at += lengths[path]


@kernel
def count_flows(paths, places, flows, arrivals, seen):
    """Count who goes from where to where, step by step.

    Parameters
    ----------
    paths : as in `count_nodes`
    places : uint8 of shape (depth, nodes): which of the nodes told apart a node is at each step
    flows : int64 of shape (2, depth, n, n + 1), added to: paths, and learners, that came to step ``s`` from place
        ``i`` to place ``j``; from the beginning they come from place 0, and who ends goes to place n
    arrivals : int64 of shape (depth, n), added to: learners at each place
    seen : int32 arrays of shapes (depth, n, n + 1) and (depth, n), below the block's first learner
    """
    lengths, learners, nodes = paths
    depth, size = arrivals.shape
    at = 0
    for path in range(len(lengths)):
        source, who = np.int64(0), learners[path]
        for step in range(depth):
            is_there = step < lengths[path]
            target = np.int64(places[step, nodes[at + step]]) if is_there else size
            flows[0, step, source, target] += 1
            if seen[0][step, source, target] != who:
                seen[0][step, source, target] = who
                flows[1, step, source, target] += 1
            if not is_there:
                break
            if seen[1][step, target] != who:
                seen[1][step, target] = who
                arrivals[step, target] += 1
            source = target
        at += lengths[path]
