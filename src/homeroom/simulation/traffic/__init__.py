"""Worlds in which a fault detector is tried: sixteen vantage points, links that fail as the seed has it, and a referee.

Comes in: a seed. Goes out: what every node thought of every other one and when, and what a referee says of it who knows
only what went wrong and nothing of detectors. The judging is that of a running node (`homeroom.traffic.detection`);
heartbeats are numbers in arrays here, so that thousands of hours can be lived through. This room must never read a
clock, draw a number that the seed does not settle, or tell a detector what a running node would not know.

In the order of what happens: `plan` (what will go wrong), `ground` (how links and nodes are at a time), `world` (what
all vantage points do), `rivals` (other detectors on the same ground), `referee` (what was right), `report`.
"""
