"""Runs the plans of the proving ground: learners are made, a node is loaded, and what it does is written down.

Comes in: a plan and a target. Goes out: results, and files of evidence. What must hold is settled in
`homeroom.proving`; this room must never judge, and nothing of what it makes stays behind but the report.
"""
