"""Each benchmark at a size where nothing is measured, run once for all tests of it."""

import functools
import json
import subprocess
import sys
import tempfile
from typing import Any

from tests.nats_worlds import free_ports
from tests.tree import ROOT

SIZES = {
    "fold": ["--learners", "2000", "--events", "5000", "--days", "70"],
    "statements": ["--statements", "1500", "--runs", "1"],
    "scan": [
        "--events",
        "9000",
        "--learners",
        "300",
        "--runs",
        "1",
        "--ways",
        "homeroom",
        "duckdb",
    ],
    "history": ["--events", "20000", "--learners", "900", "--runs", "1"],
    "course_report": ["--events", "30000", "--learners", "400", "--runs", "1"],
    "funnels": ["--events", "20000", "--learners", "900", "--runs", "1"],
    "cohorts": ["--learners", "2000", "--days", "70", "--runs", "2"],
    "at_risk": ["--enrolments", "3000", "--days", "90", "--runs", "2"],
    "log": ["--writes", "40", "--records", "3"],
    "records": ["--statements", "64", "--group", "16"],
    "record_copies": ["--statements", "64", "--copies", "2", "--batch", "8", "--clients", "2"],
    "ingest": [
        "--batched-events",
        "3000",
        "--single-events",
        "200",
        "--statements",
        "100",
        "--learners",
        "500",
        "--open-seconds",
        "0.05",
    ],
    "overload": [
        "--events",
        "2000",
        "--learners",
        "500",
        "--before-seconds",
        "1",
        "--overload-seconds",
        "1",
        "--after-seconds",
        "4",
        "--connections",
        "64",
        "--runs",
        "1",
    ],
    "membership": ["--learners", "2000", "--rate", "1000", "--seconds", "4"],
    "asking": ["--learners", "2000", "--rate", "1000", "--seconds", "0.5"],
    "past": ["--learners", "500", "--events", "5000", "--days", "70", "--runs", "2"],
    "scaling": ["--sizes", "1000", "4000", "--days", "70", "--runs", "2"],
    "shards": ["--learners", "2000", "--runs", "2"],
    "startup": ["--learners", "500", "--events", "3000", "--runs", "2"],
    "triangle": ["--learners", "2000", "--days", "70", "--runs", "2"],
    "recurring": ["--learners", "2000", "--days", "70"],
    "detection": ["--hours", "1", "--rival-hours", "1", "--minutes", "3"],
    "simulation": ["--seconds", "12", "--runs", "2"],
    "world_acknowledgements": ["--regions", "2", "--seconds", "1"],
    "world_lag": ["--regions", "2", "--seconds", "1", "--rates", "100", "200"],
    "world_traffic": ["--regions", "2", "--seconds", "1", "--idle-seconds", "1"],
    "catch_up": ["--learners", "1000"],
    "kept_answers": [
        "--learners",
        "500",
        "--questions",
        "12",
        "--rate",
        "100",
        "--seconds",
        "0.5",
        "--entries",
        "100",
        "--reads",
        "20",
    ],
    "cache": ["--requests", "3000", "--shares", "0.1", "--entries", "100"],
    "client_failover": ["--clients", "2", "--rounds", "1", "--before", "1", "--after", "3"],
    "peers": ["--events", "3000", "--sizes", "100", "--learners", "500", "--runs", "1"],
}
_WITH_FILES = (
    "client_failover",
    "catch_up",
    "statements",
    "scan",
    "history",
    "course_report",
    "funnels",
    "shards",
    "startup",
    "log",
    "records",
    "ingest",
    "overload",
    "peers",
    "world_acknowledgements",
    "world_lag",
    "world_traffic",
)


@functools.cache
def result_of(name: str) -> dict[str, Any]:
    """Run a benchmark as a person does, and return its document."""
    with tempfile.TemporaryDirectory() as folder:
        place = ["--workdir", folder] if name in _WITH_FILES else []
        if name.startswith("world_") or name == "client_failover":
            place += ["--first-port", str(free_ports(20))]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", name, "--json", *SIZES[name], *place],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document
