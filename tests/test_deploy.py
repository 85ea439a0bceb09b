"""The files by which a node is put into service: what their own programs say of them, where these are to be had."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
CONTAINER = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
FABRIC = (DEPLOY / "Containerfile.fabric").read_text(encoding="utf-8")
EXPOSURE_TENTHS_MAX = 20
"""Of 100; systemd calls up to 4.9 of 10 well protected, and a service without any of it has 9.6."""


@pytest.fixture(params=["homeroom", "homeroom-fabric"])
def analyze(request, tmp_path):
    """Give a function that asks systemd-analyze about a unit, with the program where it is here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze, which is not here")
    programs = Path(sys.executable).parent
    unit = tmp_path / f"{request.param}.service"
    text = (DEPLOY / unit.name).read_text(encoding="utf-8")
    unit.write_text(text.replace("/srv/homeroom/bin/", f"{programs}/"), encoding="utf-8")

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


@pytest.mark.parametrize("container", [CONTAINER, FABRIC], ids=["node", "fabric"])
def test_a_container_runs_as_an_ordinary_user_and_says_how_it_is(container):
    last = container.split("\nFROM ")[-1]
    user = re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert user
    assert int(user[1]) > 0
    assert last.index("USER") < last.index("ENTRYPOINT")
    assert "VOLUME" not in last or last.index("USER") < last.index("VOLUME")
    assert "HEALTHCHECK" in last
    assert not re.search(r"^ADD |curl|wget|:latest", container, re.MULTILINE)


@pytest.mark.parametrize("container", [CONTAINER, FABRIC], ids=["node", "fabric"])
def test_a_container_copies_what_is_there(container):
    for words in re.findall(r"^COPY (?!--from)(.*)$", container, re.MULTILINE):
        *sources, _ = words.split()
        assert all((ROOT / source).exists() for source in sources), words


def test_what_the_health_check_asks_is_answered_by_a_node():
    from homeroom.serve.document import document

    (path,) = re.findall(r"'(/health/\w+)'", CONTAINER)
    assert path in document()["paths"]


def test_the_program_of_the_fabric_is_found_in_the_lock_file_with_its_hashes():
    (command,) = re.findall(r"sed -n '(\S+)/,/(.*)/p'", FABRIC)
    first, last = command[0].lstrip("/^"), command[1].lstrip("^")
    lines = (ROOT / "requirements" / "demo.txt").read_text(encoding="utf-8").splitlines()
    begin = next(n for n, line in enumerate(lines) if line.startswith(first))
    end = next(n for n in range(begin, len(lines)) if lines[n].startswith(last))
    assert all("--hash=sha256:" in line for line in lines[begin + 1 : end])
    assert end > begin + 1


def test_what_the_health_check_of_the_fabric_reads_is_in_its_settings():
    from homeroom.adapters.nats_servers import server_settings
    from tests.nats_worlds import planned

    (pattern,) = re.findall(r"re\.search\('(.*?)', open", FABRIC.replace('\\"', '"'))
    world = planned(north=("ada",))
    region = replace(
        world.regions["north"], fabric=("tls://[::1]:4222",), gateways=("tls://[::1]:7222",)
    )
    found = re.search(pattern, server_settings(world, region, 8222), re.MULTILINE)
    assert found
    assert found[1] == "127.0.0.1:8222"
