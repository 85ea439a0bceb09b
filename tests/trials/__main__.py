"""``python -m tests.trials --seed 7``: try a world of processes once, or by many seeds one after the other."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from homeroom.provers.networks import inside, why_not
from homeroom.provers.programs import end_with_parent
from tests.trials.plan import destroyed_unheard, drawn, long_partition

_PLANS = {"drawn": drawn, "long": long_partition, "unheard": destroyed_unheard}

_INSIDE = "HOMEROOM_TRIAL_INSIDE"


def main() -> int:
    """Run trials; return 0 if everything has held."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1, help="of seeds, from the first on")
    parser.add_argument("--plan", choices=_PLANS, default="drawn", help="what goes wrong")
    parser.add_argument("--folder", type=Path, help="where all is left; else nothing is")
    options = parser.parse_args()
    if _INSIDE in os.environ:
        _once(options)
        return 0
    why = why_not()
    if why is not None:
        print(f"no trial: {why}", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "tests.trials", "--plan", options.plan]
    if options.folder is not None:
        command += ["--folder", str(options.folder)]
    for seed in range(options.seed, options.seed + options.count):
        # Each has a network of its own: the system takes its time to forget one.
        words = inside([*command, "--seed", str(seed)])
        run = subprocess.run(
            words, env=os.environ | {_INSIDE: "1"}, check=False, preexec_fn=end_with_parent
        )
        if run.returncode:
            return 1
    return 0


def _once(options: argparse.Namespace) -> None:
    # Imported where namespaces are: all else needs the whole of a node.
    from tests.trials.trial import tried

    seed = options.seed
    plan = _PLANS[options.plan](seed)
    begun_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun_s:6.1f} s  {text}", flush=True)

    say(f"again: python -m tests.trials --plan {options.plan} --seed {seed}")
    with tempfile.TemporaryDirectory() as passing:
        folder = Path(passing) if options.folder is None else options.folder / str(seed)
        tried(plan, folder, say)


if __name__ == "__main__":
    raise SystemExit(main())
