"""An erasure that is ended at any of its steps is completed at the next start, and nothing is left of the person."""

import shutil
import signal
import subprocess
import sys

import pytest

from tests.privacy.people import Look, but_what_stays
from tests.running.erasing_process import POINTS
from tests.running.erasures import ADA, OPEN_ALWAYS, erasing, fill, open_places, register_of, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Give a folder with a node's directory and register, and how many learners and events it has."""
    folder = tmp_path_factory.mktemp("filled")

    async def work():
        async with erasing(folder) as node:
            await fill(node)
            status = node.status("main")
            return status.learners, status.events, node.erasures.raw_keys("main", [ADA])[0]

    return folder, *run(work())


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_erasure_is_completed_at_the_next_start(filled, tmp_path, point):
    base, learners, events, key = filled
    folder = tmp_path / "copy"
    shutil.copytree(base, folder)
    look = Look(folder / "data", ADA, key)
    before = look.found(look.folder(folder / "data"))
    assert but_what_stays(before), "the person was there"
    words = [sys.executable, "-m", "tests.running.erasing_process", str(folder), point]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    is_registered = register_of(folder).read_bytes().count(b"\n") > 1
    assert is_registered == (point != "before it is registered")
    assert is_registered or "confirmed" not in ended.stdout

    async def start():
        async with erasing(folder) as node:
            assert node.troubles == ()
            status = node.status("main")
            await node.erasures.settled()
            return status, node.erasures.certificates("main")

    status, certificates = run(start())
    if not is_registered:
        assert (status.learners, status.events, certificates) == (learners, events, [])
        return
    assert (status.learners, status.events) == (learners - 1, events - 9)
    (made,) = certificates
    assert open_places(made) == OPEN_ALWAYS
    assert but_what_stays(look.found(look.folder(folder / "data"))) == set()
