"""The oracle: a second opinion on every answer, written from the definitions and not from the engine.

The engine answers with bit masks, clustered rows and compiled kernels, all of which can be wrong in quiet ways. So
every question has two twins here. ``plain`` works the definitions out with sets of (learner, period), as slowly and as
obviously as they are written down; ``sql`` asks the same of DuckDB, whose calendar (ICU) and set operations are
nobody's in this project. The plain twin covers everything, the SQL twin the questions that SQL can state shortly.

In: a list of `Event` and a ``Question``. Out: the figures of the answer in the shape of its JSON. The oracle never
imports the engine; it shares with it the question types alone.
"""

from tests.oracle.events import Event, instant_ms, table
from tests.oracle.plain import answer

__all__ = ["Event", "answer", "instant_ms", "table"]
