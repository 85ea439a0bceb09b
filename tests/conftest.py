"""What every test can rely on: no network beyond this machine, and randomness that can be replayed.

A random test that fails once and never again is worse than none. So Hypothesis runs the same examples every time
(profile `ci`; `HYPOTHESIS_PROFILE=explore` looks for new ones), and a test that wants a generator takes the `rng`
fixture, whose seed follows from the test's own name or from `HOMEROOM_SEED`, and is printed with the command that
replays it when the test fails.
"""

import gc
import ipaddress
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
SEED = pytest.StashKey[int]()

hypothesis.settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    "explore", hypothesis.settings.get_profile("ci"), derandomize=False, max_examples=1_000
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


class NetworkError(AssertionError):
    """A test tried to reach another machine."""


def _is_local(address: object) -> bool:
    if not isinstance(address, tuple):
        return True  # a path: a socket of this machine
    host = str(address[0])
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _keep_local(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[-1]
        if address is not None and not _is_local(address):
            raise NetworkError(f"{event} to {address}: tests stay on the loopback addresses")
    elif event == "socket.getaddrinfo" and arguments[0] is not None:
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0])
        if not _is_local((host, 0)):
            raise NetworkError(f"look-up of {host}: tests stay on the loopback addresses")


# An audit hook sees every socket that Python opens, whoever asks for it; it cannot be taken away again, which is
# just what a guard should be.
sys.addaudithook(_keep_local)


def _seed_of(node: pytest.Item) -> int:
    given = os.environ.get("HOMEROOM_SEED")
    return int(given) if given else zlib.crc32(node.nodeid.encode())


def pytest_collection_finish() -> None:
    """Look at what was collected no more: to search ten thousand tests for garbage takes a tenth of their time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """Return a generator whose seed is shown, with the command that replays it, when the test fails."""
    seed = _seed_of(request.node)
    request.node.stash[SEED] = seed
    return np.random.default_rng(seed)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Add the seed and the replaying command to the report of a failed random test."""
    outcome = yield
    report = outcome.get_result()
    seed = item.stash.get(SEED, None)
    if report.failed and seed is not None:
        replay = f"HOMEROOM_SEED={seed} .venv/bin/python -m pytest '{item.nodeid}'"
        report.sections.append(("replay", f"seed {seed}; replay with\n    {replay}"))


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Callable[[str], Path]:
    """Return a function from a name below ../shared/data to its path; it skips the test if there is none."""

    def find(name: str) -> Path:
        path = SHARED_DATA / name
        if not path.exists():
            pytest.skip(f"needs ../shared/data/{name}, which is not here")
        return path

    return find


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """Return a PostgreSQL server that runs (`tests.databases.Server`); it starts when a test first needs it."""
    from tests.databases import served

    yield from served()


@pytest.fixture(scope="session")
def object_server() -> Iterator[Any]:
    """Return an S3-compatible store that runs (`tests.object_stores.Server`); it starts when first needed."""
    from tests.object_stores import served

    yield from served()
