"""Ray ends the processes that it has started, and waits for none: what Python says of these is no fault here."""

import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ray_ends() -> Iterator[None]:
    """Have nothing said of processes that Ray has ended."""
    try:
        yield
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
