"""What the exit status says: one table, in one place.

The tension: a script that runs under ``set -e``, a Makefile or a scheduler takes every status but 0 as "it did not
work", and one broken line in ten million must not stop it (bad input never stops a good file). Yet a status must be
able to tell. So the answer is asked for: with ``--strict`` a reject makes the command fail before it writes anything.
Without it, rejects are shown on standard error and stand in the JSON under ``source``, and the status stays 0.

The way not taken is a status of its own for "finished, with rejects" (as rsync's 23): every caller would have to learn
that this one failure is none. Who wants it so changes ``REJECTS_MET`` here; nothing else depends on its value.
"""

from typing import Final

__all__ = ["CLEAN", "FAILED", "INTERRUPTED", "MEANINGS", "PIPE_CLOSED", "REJECTS_MET", "STRICT"]

CLEAN: Final = 0
REJECTS_MET: Final = 0
STRICT: Final = 1
FAILED: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

MEANINGS: Final = (
    (CLEAN, "everything was read"),
    (REJECTS_MET, "the command finished; some of the input was rejected, counted and shown"),
    (STRICT, "`--strict` was given and something was rejected; no output was written"),
    (FAILED, "the command could not be done; one line on standard error says why and what to do"),
    (INTERRUPTED, "interrupted with Ctrl-C"),
    (PIPE_CLOSED, "the reader of the output went away, as after `| head`"),
)
"""The table of the reference page, which a test compares with this one."""
