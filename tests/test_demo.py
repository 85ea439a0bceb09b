"""The demos of a world show what they say: all regions come to the same, cut off in between or not."""

import subprocess
import sys

import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    "demo", [["world"], ["world_processes", "--once", "--first-port", "21000"]]
)
def test_regions_that_were_cut_off_come_to_one_answer(root, tmp_path, demo):
    command = [sys.executable, "-m", f"demos.{demo[0]}", *demo[1:], "--batches", "5"]
    folder = ["--folder", str(tmp_path / "world")]
    done = subprocess.run(
        [*command, *folder], cwd=root, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "later all count" in done.stdout
