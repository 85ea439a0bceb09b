"""Shards as actors of Ray, one process each, on whatever machines belong to the cluster.

Ray starts processes where it is told to, carries calls and what they come to, and says when a process or a machine is
gone. It restarts nothing here and keeps nothing: what a shard knows is in its snapshots and in the log, and whoever
drives the shards has one made anew from these. It sends no statistics of its use anywhere and opens no dashboard.

Nothing of Ray is imported before somebody wants shards.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from homeroom import limits
from homeroom.errors import SettingsError, ShardGoneError, ShardsAwayError
from homeroom.scaling.asked import Asked
from homeroom.scaling.placing import Machine

__all__ = ["RayCluster", "RayWorker"]

_LOOPBACK: Final = "127.0.0.1"
_CALLS: Final = limits.SHARD_SESSIONS_MAX + 8
"""Calls that a shard works at together: questions, and what must not wait behind them."""
_STORE_BYTES: Final = 256 << 20
"""Of memory that a machine's processes share: what is on its way between them."""


class _Actor:
    """What runs in a shard's process: a shard, and the calls that it gets."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._shard = make()

    def process(self) -> tuple[int, str]:
        """Return the number of this process, and the id of the machine's node."""
        import ray

        return os.getpid(), ray.get_runtime_context().get_node_id()

    def call(self, name: str, *given: object) -> object:
        """Return what a method of the shard comes to."""
        return getattr(self._shard, name)(*given)

    def step(self, name: str, *given: object) -> object:
        """Return the step that a question comes to."""
        return getattr(self._shard, name)(*given)()


class _Come:
    """What a shard was asked for, on its way."""

    def __init__(self, ref: Any) -> None:  # noqa: ANN401 - an object reference of Ray
        self._ref = ref

    def result(self, wait_ms: int) -> object:
        """Return it. Raises `ShardsAwayError`."""
        import ray
        from ray.exceptions import GetTimeoutError, RayError

        try:
            return ray.get(self._ref, timeout=wait_ms / 1_000)
        except GetTimeoutError:
            raise ShardsAwayError(f"it has said nothing within {wait_ms:,} ms") from None
        except RayError as error:
            told = str(error).strip().splitlines() or [type(error).__name__]
            raise ShardGoneError(f"its process is gone or has failed: {told[-1]}") from None


class RayWorker:
    """A shard in a process of its own.

    Attributes
    ----------
    number : of the shard
    node : id of the machine's node
    pid : of its process there
    """

    def __init__(self, number: int, actor: Any) -> None:  # noqa: ANN401 - a handle of Ray
        self.number, self._actor = number, actor
        found = _Come(actor.process.remote()).result(limits.SHARD_START_MS_MAX)
        assert isinstance(found, tuple), "that is what it says"
        self.pid: int = found[0]
        self.node: str = found[1]

    def open(self, life: str, last: int, stated: Sequence[object]) -> _Come:
        """Have it begin."""
        return self._call("open", life, last, stated)

    def label(self, tenant: str, texts: Sequence[str]) -> _Come:
        """Have it take texts as the labels of their hashes."""
        return self._call("label", tenant, texts)

    def apply(self, portion: int, entries: object) -> _Come:
        """Have it fold a portion."""
        return self._call("apply", portion, entries)

    def upkeep(self) -> _Come:
        """Have it put in order what it holds."""
        return self._call("upkeep")

    def save(self, life: str) -> _Come:
        """Have it write a snapshot."""
        return self._call("save", life)

    def size(self) -> _Come:
        """Have it say what it holds."""
        return self._call("size")

    def begin(self, asked: Asked) -> _Come:
        """Have it begin with a question."""
        return _Come(self._actor.step.remote("begin", asked))

    def go_on(self, session: str, joined: object) -> _Come:
        """Have it go on with a question."""
        return _Come(self._actor.step.remote("go_on", session, joined))

    def end(self, session: str) -> None:
        """Have it drop a question."""
        self._actor.call.remote("end", session)

    def stop(self) -> None:
        """End its process."""
        import ray

        ray.kill(self._actor, no_restart=True)

    def _call(self, name: str, *given: object) -> _Come:
        return _Come(self._actor.call.remote(name, *given))


class RayCluster:
    """Ray, started here or joined, for as long as the context lasts.

    Parameters
    ----------
    address : of a cluster that runs; empty to start one on this machine, which nobody else can reach
    """

    def __init__(self, address: str = "") -> None:
        self._address = address
        self._folder: str | None = None

    def __enter__(self) -> "RayCluster":
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        if not self._address:
            # Else it takes an address that other machines reach in place of the loopback, and listens on all of them.
            os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # A process that is given no graphics card must not be told to look for none.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
        except ImportError:
            raise SettingsError(
                "shards need Ray, which is not installed: pip install 'homeroom[ray]'"
            ) from None
        try:
            self._begin()
        except Exception as error:  # Ray raises no other when it does not start
            self.__exit__()
            where = f"the cluster at {self._address}" if self._address else "this machine"
            raise SettingsError(
                f"Ray did not start on {where}: {error}; see to it, and start again"
            ) from error
        if self._address:
            return self
        if ray.util.get_node_ip_address() != _LOOPBACK:
            self.__exit__()
            raise SettingsError(
                "Ray listens to other machines: it was imported before shards were asked for; start them first"
            )
        return self

    def _begin(self) -> None:
        import ray

        if self._address:
            ray.init(address=self._address, log_to_driver=False, logging_level="error")
            return
        # Its sockets lie in there, and their paths must be short.
        self._folder = tempfile.mkdtemp(prefix="hr-", dir="/tmp")
        ray.init(
            include_dashboard=False,
            log_to_driver=False,
            logging_level="error",
            _node_ip_address=_LOOPBACK,
            _temp_dir=self._folder,
            object_store_memory=_STORE_BYTES,
        )

    def __exit__(self, *_: object) -> None:
        import ray

        ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(Path(self._folder), ignore_errors=True)

    def start(self, number: int, make: Callable[[], Any], node: str = "") -> RayWorker:
        """Start a shard, on a node or wherever there is room. Raises `ShardsAwayError` if it does not begin."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        strategy = NodeAffinitySchedulingStrategy(node, soft=False) if node else "SPREAD"
        made = ray.remote(_Actor).options(
            max_concurrency=_CALLS, max_restarts=0, num_cpus=0, scheduling_strategy=strategy
        )
        return RayWorker(number, made.remote(make))

    @staticmethod
    def share(value: object) -> object:
        """Put what all shards get where each machine reads it once."""
        import ray

        return ray.put(value)

    def machines(self) -> tuple[Machine, ...]:
        """Return the machines that are there."""
        import ray

        return tuple(
            Machine(
                name=one["NodeID"],
                processors=int(one["Resources"].get("CPU", 1)),
                memory_bytes=int(one["Resources"].get("memory", 0)),
            )
            for one in ray.nodes()
            if one["Alive"]
        )
