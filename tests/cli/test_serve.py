"""``homeroom serve``, ``init`` and ``audit``: a node in a process of its own, from its start to its stop."""

import json
import os
import re
import signal
import subprocess
import sys

import httpx
import pytest

from homeroom.adapters.audit import verify_audit
from homeroom.cli import main, status
from homeroom.serve.settings_written import commented_file

# A process takes seconds to import what a node is made of.
pytestmark = pytest.mark.slow

EVENT = {"account": "ada", "verb": "read", "time": "2026-11-23T10:00:00Z", "course": "physics"}


class Served:
    """A node that ``homeroom serve`` runs."""

    def __init__(self, *words, **environment):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "homeroom", "serve", *words],
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.first = self.process.stderr.readline()
        self.address = re.sub(r"homeroom: listening on (.*)\n", r"\1", self.first)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def serve():
    started = []

    def start(*words, **environment):
        started.append(Served(*words, **environment))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.fixture
def place(tmp_path):
    return str(tmp_path / "data")


def key(place, capsys, *scopes):
    assert main(["keys", "create", "test", "--scopes", ",".join(scopes), "--data", place]) == 0
    return {"Authorization": "Bearer " + capsys.readouterr().out.strip()}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_what_was_acknowledged_is_there_after_a_stop_of_any_kind(serve, place, capsys, how):
    headers = key(place, capsys, "read", "write")
    node = serve("--data", place, "--port", "0")
    sent = httpx.post(f"{node.address}/v1/events", json=[EVENT], headers=headers, timeout=60)
    assert sent.json()["accepted"] == 1
    code, out, err = node.stop(how)
    if how is not signal.SIGKILL:
        assert (code, out) == (0, "")
        assert "stopped" in err
    again = serve("--data", place, "--port", "0")
    after = {"Homeroom-After": sent.headers["Homeroom-Token"]}
    asked = httpx.post(
        f"{again.address}/v1/query",
        json={"question": "active"},
        headers=headers | after,
        timeout=60,
    )
    assert asked.json()["answer"]["active"]["day"]["values"] == [1]


def test_flags_count_more_than_variables_and_these_more_than_the_file(serve, place, tmp_path):
    (tmp_path / "s.toml").write_text('[server]\nhost = "192.0.2.1"\nport = 1\n')
    config = str(tmp_path / "s.toml")
    node = serve(
        *("--data", place, "--config", config, "--port", "0"), HOMEROOM_SERVER_HOST="127.0.0.1"
    )
    assert httpx.get(f"{node.address}/health/ready", timeout=60).json()["ready"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--config", "none.toml"), "settings none.toml cannot be read"),
        (("--port", "70000"), "server.port"),
    ],
)
def test_a_setting_that_makes_no_sense_is_said_before_anything_is_done(place, capsys, words, said):
    assert main(["serve", "--data", place, *words]) == status.FAILED
    assert said in capsys.readouterr().err
    assert not os.path.exists(place)  # noqa: PTH110 - a text


def test_a_directory_that_a_node_runs_on_is_not_served_twice(serve, place):
    serve("--data", place, "--port", "0")
    second = serve("--data", place, "--port", "0")
    assert second.process.wait(timeout=60) == status.FAILED
    assert "lock" in second.first or "in use" in second.first


def test_the_file_that_init_writes_is_read(serve, place, tmp_path, capsys):
    config = str(tmp_path / "homeroom.toml")
    assert main(["init", "--config", config]) == status.CLEAN
    assert (tmp_path / "homeroom.toml").read_text() == commented_file()
    assert main(["init", "--config", config]) == status.FAILED
    assert "is there already" in capsys.readouterr().err
    node = serve("--data", place, "--config", config, "--port", "0")
    assert httpx.get(f"{node.address}/health/live", timeout=60).status_code == 200


def test_the_audit_log_of_a_directory_is_checked(serve, place, tmp_path, capsys):
    headers = key(place, capsys, "admin")
    node = serve("--data", place, "--port", "0")
    httpx.put(f"{node.address}/v1/cohorts/x", json={"did": "any"}, headers=headers)
    assert main(["audit", "--data", place]) == status.CLEAN
    said = capsys.readouterr().out
    path = tmp_path / "data" / "audit.ndjson"
    assert said == f"1 records, the last has the digest {verify_audit(path).digest}\n"
    node.stop()
    path.write_text(path.read_text().replace('"x"', '"y"'))
    assert main(["audit", "--data", place]) == status.FAILED
    assert "not what was written" in capsys.readouterr().err
    assert json.loads(path.read_text())["what"] == "cohort.put"
