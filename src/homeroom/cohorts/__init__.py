"""Questions become answers.

Comes in: a `Question`, and the columns or the history that it is asked of. Goes out: a typed `Answer` with counts,
the periods that are not complete yet, and where it was computed from. This room must never change the state, open a
file or ask the time, and two ways to one answer (columns or history, kernel or twin) must never differ.
"""
