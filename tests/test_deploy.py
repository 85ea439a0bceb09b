"""The files by which a node is put into service: what their own programs say of them, where these are to be had."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
CONTAINER = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
EXPOSURE_TENTHS_MAX = 20
"""Of 100; systemd calls up to 4.9 of 10 well protected, and a service without any of it has 9.6."""


@pytest.fixture
def analyze(tmp_path):
    """Give a function that asks systemd-analyze about the unit, with the program where it is here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze, which is not here")
    program = Path(sys.executable).with_name("homeroom")
    unit = tmp_path / "homeroom.service"
    text = (DEPLOY / "homeroom.service").read_text(encoding="utf-8")
    unit.write_text(text.replace("/srv/homeroom/bin/homeroom", str(program)), encoding="utf-8")

    def run(*words):
        return subprocess.run(
            ["systemd-analyze", *words, str(unit)], capture_output=True, text=True, check=False
        )

    return run


def test_the_unit_is_one(analyze):
    done = analyze("verify", "--man=no")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_is_well_protected(analyze):
    done = analyze("security", "--offline=yes", f"--threshold={EXPOSURE_TENTHS_MAX}")
    if "unrecognized option" in done.stderr:
        pytest.skip("needs a systemd-analyze that knows security --offline (systemd 250)")
    assert done.returncode == 0, done.stdout


def test_the_unit_stops_later_than_requests_may_take():
    from homeroom.serve.settings import ServerSettings

    unit = (DEPLOY / "homeroom.service").read_text(encoding="utf-8")
    (minutes,) = re.findall(r"^TimeoutStopSec=(\d+)min$", unit, re.MULTILINE)
    assert int(minutes) * 60 > 2 * ServerSettings().stop_seconds_max


def test_the_container_runs_as_an_ordinary_user_and_says_how_it_is():
    last = CONTAINER.split("\nFROM ")[-1]
    user = re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
    assert last.index("USER") < last.index("VOLUME") < last.index("ENTRYPOINT")
    assert "HEALTHCHECK" in last
    assert not re.search(r"^ADD |curl|wget|:latest", CONTAINER, re.MULTILINE)


def test_the_container_copies_what_is_there():
    for words in re.findall(r"^COPY (?!--from)(.*)$", CONTAINER, re.MULTILINE):
        *sources, _ = words.split()
        assert all((ROOT / source).exists() for source in sources), words


def test_what_the_health_check_asks_is_answered_by_a_node():
    from homeroom.serve.document import document

    (path,) = re.findall(r"'(/health/\w+)'", CONTAINER)
    assert path in document()["paths"]
