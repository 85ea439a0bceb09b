"""The repository's frame: lock files, make targets, no traces of one machine, and the guards of the tests.

What is wrong here is found late and by others: on a fresh machine, behind another index, in a clean clone. So it is
looked for in the text of the files, before anybody has to find it.
"""

import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.tree import ROOT, at, files, none, text_of

# --- what the repository must not hold ---------------------------------------------------------------------------

# Written so that the patterns do not match themselves.
PLACES = re.compile(
    r"(?<![\w.~-])/(?:work|root|opt|Users)/[\w.]|(?<![\w.])/home/[a-z]|[A-Z]:\\Users\\|file:/{2}|\bfarm-[a-z]"
)
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.org|deb\.debian\.org|--(?:extra-)?index-url\s+\S+/"
    r"|--find-links\s+\S+/|--trusted-host\s+\w"
)


def test_no_file_names_a_machine_or_a_registry():
    none(
        [
            at(p, i, line.strip()[:100])
            for p in files()
            if p != Path(__file__).resolve()
            for i, line in enumerate(text_of(p).splitlines(), 1)
            if PLACES.search(line) or REGISTRIES.search(line)
        ],
        "a path of one machine or the host of a registry helps nobody else; write it relative, or leave it out",
    )


@pytest.mark.parametrize(
    "path", sorted((ROOT / "requirements").glob("*.txt")), ids=lambda p: p.stem
)
def test_a_lock_file_pins_by_hash_and_names_no_source(path: Path):
    lines = text_of(path).splitlines()
    none(
        [
            at(path, i, line)
            for i, line in enumerate(lines, 1)
            if "://" in line or " @ " in line or re.match(r"\s*-(?!-hash=sha256:)", line)
        ],
        "a lock file holds names, versions and hashes only; run make lock",
    )
    assert "Python 3.11" in "".join(lines[:5]), (
        "the lock file says which Python it was made for; run make lock"
    )
    pins = re.findall(
        r"^[a-z0-9][\w.-]*==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text_of(path), re.MULTILINE
    )
    named = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert len(pins) == len(named), "every line names a version and its hashes; run make lock"


def test_the_lock_has_what_the_package_asks_for():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    locked = set(
        re.findall(r"^([a-z0-9][\w.-]*)==", text_of(ROOT / "requirements/base.txt"), re.MULTILINE)
    )
    wanted = {re.split(r"[<>=!~\[; ]", line)[0].lower() for line in project["dependencies"]}
    assert wanted <= locked, (
        f"run make lock: {sorted(wanted - locked)} stand in pyproject.toml only"
    )


def test_locks_agree_on_versions():
    versions: dict[str, set[str]] = {}
    for path in (ROOT / "requirements").glob("*.txt"):
        for name, version in re.findall(r"^([a-z0-9][\w.-]*)==(\S+)", text_of(path), re.MULTILINE):
            versions.setdefault(name, set()).add(version)
    none(
        [f"{n}: {', '.join(sorted(v))}" for n, v in versions.items() if len(v) > 1],
        "one environment, one version",
    )


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = re.compile(
        r"(?:`|^ {4}|\$ )make ([a-z][a-z-]*)|^step (?:--\S+ )?([a-z-]+)", re.MULTILINE
    )
    offences = []
    for path in (p for p in files() if p.suffix == ".md" or p == ROOT / ".ci" / "run"):
        offences += [
            f"{path.relative_to(ROOT)}: {found.group().strip()}"
            for found in named.finditer(text_of(path))
            if (found[1] or found[2]) not in targets
        ]
    none(offences, "there is no such target in the Makefile")


# --- the guards themselves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [("192.0.2.1", 9), ("2001:db8::1", 9, 0, 0)])
def test_a_test_cannot_reach_another_machine(address):
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_DGRAM) as out,
        pytest.raises(AssertionError, match="loopback"),
    ):
        out.connect(address)


def test_a_test_cannot_look_up_another_machine():
    with pytest.raises(AssertionError, match="loopback"):
        socket.getaddrinfo("example.org", 80)


def test_a_test_can_reach_this_machine():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()


def test_a_failing_random_test_says_how_to_replay_it(tmp_path: Path):
    (tmp_path / "conftest.py").write_text(text_of(ROOT / "tests" / "conftest.py"))
    (tmp_path / "test_drawn.py").write_text(
        "def test_drawn(rng):\n    assert rng.integers(0, 9) < 0\n"
    )
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            f"--rootdir={tmp_path}",
            "test_drawn.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert re.search(r"HOMEROOM_SEED=\d+ .*pytest 'test_drawn.py::test_drawn'", run.stdout), (
        run.stdout
    )
