"""How long the shell waits: `homeroom --help`, and one question to a loaded directory of a million learners.

Nothing here computes for long; what is measured is imports, files that are mapped and kernels that are found in
their cache. Each command is started anew, often, after one start that is not counted; the interpreter's own start is
measured beside it. Where the time of imports goes is said by Python itself (``-X importtime``), summed by package.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.timing import timing_of

__all__ = ["add_arguments", "imports_of", "measure", "show"]

_WANTED_MS = {"help": 100, "query": 1_000}
_PACKAGES_SHOWN = 12
_IMPORT = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sizes."""
    parser.add_argument(
        "--learners", type=int, default=1_100_000, help="who enrol; some never begin"
    )
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--workdir", type=Path, default=Path("build/benchmarks"))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Measure everything; the result is JSON-ready."""
    data = _loaded(options.workdir / "startup", options.learners, options.events)
    program = str(Path(sys.executable).parent / "homeroom")
    query = ["query", "retention", "--data", str(data), "--json", "-"]
    commands = {"help": ["--help"], "query": query}
    found, answer = {"python": _timed([sys.executable, "-c", "pass"], options.runs)[0]}, b""
    for name, words in commands.items():
        times, answer = _timed([program, *words], options.runs)
        imports = imports_of([sys.executable, "-X", "importtime", "-m", "homeroom", *words])
        found[name] = times | {"wanted_ms": _WANTED_MS[name], "imports_ms": imports}
    read = json.loads(answer)
    return {
        "learners": read["source"]["learners"],
        "commands": found,
        "hash": hashlib.sha256(json.dumps(read["counts"]).encode()).hexdigest()[:16],
    }


def _loaded(folder: Path, learners: int, events: int) -> Path:
    """Return a directory with made-up learners, loaded if it is not there yet."""
    data, mark = folder / f"data-{learners}-{events}", folder / f"loaded-{learners}-{events}"
    if not mark.exists():
        log = folder / "log.parquet"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(data, ignore_errors=True)
        size = ["--learners", str(learners), "--events", str(events), "--overwrite"]
        homeroom = [sys.executable, "-m", "homeroom"]
        for words in (["generate", str(log), *size], ["load", str(data), str(log)]):
            subprocess.run([*homeroom, *words], check=True, stdout=subprocess.DEVNULL)
        log.unlink()
        mark.touch()
    return data


def _timed(command: Sequence[str], runs: int) -> tuple[dict[str, Any], bytes]:
    """Start a command so often, once more before; return the times and what it wrote last."""
    seconds = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return timing_of(seconds[1:]).to_json(), done.stdout


def imports_of(command: Sequence[str]) -> dict[str, float]:
    """Return the milliseconds that imports take by package, the longest first; they are slower when watched."""
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    spent: Counter[str] = Counter()
    for self_us, module in _IMPORT.findall(done.stderr):
        spent[module.partition(".")[0]] += int(self_us)
    named = {name: round(us / 1e3, 1) for name, us in spent.most_common(_PACKAGES_SHOWN)}
    return {"all": round(spent.total() / 1e3, 1)} | named


def show(result: dict[str, Any]) -> None:
    """Print the result for a person."""
    print(f"{result['learners']:,} learners in the directory")
    for name, times in result["commands"].items():
        wanted = f" (wanted: {times['wanted_ms']})" if "wanted_ms" in times else ""
        print(
            f"{name:<8} median {times['median_ms']:7.1f} ms{wanted}, max {times['max_ms']:7.1f} ms"
        )
        for package, ms in times.get("imports_ms", {}).items():
            print(f"    imports of {package:<14} {ms:7.1f} ms")
