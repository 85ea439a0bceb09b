"""One measurement in a fresh process: nothing is warm that should not be, and memory is its own.

The peak memory of a process never goes down, imports happen once, and a processor can only be chosen for a whole
process. So a measurement that depends on any of these is a function `name(arguments) -> result` of JSON-ready data in
a module of benchmarks, and is called in a process of its own.
"""

import argparse
import importlib
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["peak_bytes", "run_alone"]

_ROOT = str(Path(__file__).resolve().parent.parent)


def run_alone(
    place: str, arguments: Mapping[str, Any], processors: int | None = None
) -> dict[str, Any]:
    """Call ``module:function`` in a fresh process, on so many processors, and return its result."""
    command = [sys.executable, "-m", "benchmarks.alone", place, json.dumps(dict(arguments))]
    # The fresh process finds this package from wherever it is started.
    paths = [_ROOT, *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    if processors is not None:
        command += ["--processors", str(processors)]
        environment |= {"POLARS_MAX_THREADS": str(processors), "NUMBA_NUM_THREADS": str(processors)}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, env=environment)
    if done.returncode != 0:
        raise SystemExit(f"{place} ended with status {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def peak_bytes() -> int:
    """Return the most memory that this process has held.

    Where there is ``/proc``, from there: what ``getrusage`` says begins with the memory of whoever started the process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("place")
    parser.add_argument("arguments")
    parser.add_argument("--processors", type=int)
    options = parser.parse_args()
    if options.processors is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-options.processors :])
    module, _, function = options.place.partition(":")
    work = getattr(importlib.import_module(module), function)
    print(json.dumps(work(json.loads(options.arguments))))


if __name__ == "__main__":
    _main()
