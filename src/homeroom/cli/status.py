"""What the exit status says: one table, in one place.

Two wishes pull: bad input must never stop a good file, and a scheduler that looks at nothing but the status must learn
that there was some. So rejects never keep an answer back, and have a status of their own, unlike any failure (as with
rsync's 23 and 24): everything was done, and something was left out. ``--strict`` makes it a failure: nothing is
written then.
"""

from typing import Final

__all__ = [
    "CLEAN",
    "DAMAGED",
    "FAILED",
    "INTERRUPTED",
    "MEANINGS",
    "PIPE_CLOSED",
    "REJECTS_MET",
    "STRICT",
    "WRONG",
]

CLEAN: Final = 0
REJECTS_MET: Final = 3
STRICT: Final = 1
DAMAGED: Final = 1
WRONG: Final = 1
FAILED: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

MEANINGS: Final = (
    (CLEAN, "everything was read"),
    (
        REJECTS_MET,
        "everything was done; some of the input was rejected, counted and written down; or a repair left something out",
    ),
    (
        STRICT,
        "`--strict` was given and something was rejected, no output was written; or a backup is damaged, or does not "
        "open with this key; or a simulated world broke a promise, or the directory of a world is not as it must be; "
        "or a state was not what its log comes to, and has been put right; or a criterion of the proving ground does "
        "not hold",
    ),
    (FAILED, "the command could not be done; one line on standard error says why and what to do"),
    (INTERRUPTED, "interrupted with Ctrl-C"),
    (PIPE_CLOSED, "the reader of the output went away, as after `| head`"),
)
"""The table of the reference page, which a test compares with this one."""
