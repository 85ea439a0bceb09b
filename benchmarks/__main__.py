"""``python -m benchmarks NAME [--json]``: one module a question, the peers measured in the same run.

A module has ``add_arguments(parser)``, ``measure(options)`` (JSON-ready) and ``show(result)``.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence

from homeroom.provers.machine import describe

__all__ = ["NAMES", "main"]

NAMES = (
    "triangle",
    "recurring",
    "cohorts",
    "at_risk",
    "fold",
    "statements",
    "scan",
    "history",
    "course_report",
    "funnels",
    "scaling",
    "shards",
    "startup",
    "past",
    "log",
    "ingest",
    "overload",
    "asking",
    "records",
    "record_copies",
    "membership",
    "simulation",
    "detection",
    "peers",
    "world_acknowledgements",
    "world_lag",
    "world_traffic",
    "catch_up",
    "cache",
    "kept_answers",
    "client_failover",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one benchmark, or all at their full size."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] not in (*NAMES, "all"):
        print(f"python -m benchmarks NAME [--json] …, with NAME one of {', '.join(NAMES)}, all")
        return 2
    names = NAMES if words[0] == "all" else (words[0],)
    for name in names:
        module = importlib.import_module(f"benchmarks.{name}")
        parser = argparse.ArgumentParser(prog=f"benchmarks {name}", description=module.__doc__)
        parser.add_argument(
            "--json", action="store_true", help="one JSON document and nothing else"
        )
        module.add_arguments(parser)
        options = parser.parse_args(words[1:])
        machine = describe()
        result = module.measure(options)
        if options.json:
            print(json.dumps({"benchmark": name, "machine": machine, **result}))
        else:
            print(
                f"{name}: {machine['processor']}, {machine['processors']} processors, load {machine['load']}"
            )
            module.show(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
