"""How many examples a random test tries: a quarter of them in ``make test``, all in ``make test-all``.

Examples are drawn in the same order every time, so the quarter is always the same. Only tests that take seconds ask
here; what is cheap tries all of its examples always.
"""

import os

from hypothesis import settings

ALL = os.environ.get("TESTS") == "all"


def examples(count: int) -> settings:
    return settings(max_examples=count if ALL else -(-count // 4))
