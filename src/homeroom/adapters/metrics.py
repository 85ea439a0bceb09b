"""What a node counts, in the form that Prometheus reads: the one module that knows its library.

Labels have few values, all of them ours: a path is that of the route, never what a client wrote; a key is not a label
at all. So the metrics hold nothing of anybody, and their number does not grow with use.
"""

from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from homeroom.cohorts.live import CheckStatus, Status, TrafficStatus, WorldStatus
from homeroom.traffic.caching.counted import CacheStatus
from homeroom.traffic.overload.admission import OverloadStatus
from homeroom.traffic.overload.kinds import Kind

__all__ = ["CONTENT_TYPE", "NAMES", "Metrics"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
NAMES: Final = {
    "homeroom_requests_total": "requests by route and status",
    "homeroom_request_seconds": "how long requests took, by route",
    "homeroom_requests_under_way": "requests that are being answered",
    "homeroom_events_accepted_total": "events that were acknowledged",
    "homeroom_events_refused_total": "events that were refused one by one, in batches that were read",
    "homeroom_batches_total": "batches by outcome: accepted, repeat, or why they were refused",
    "homeroom_body_bytes_total": "bytes of bodies as they came, before decompression",
    "homeroom_refused_keys_total": "requests whose key or token opened nothing",
    "homeroom_limited_total": "requests that were told to come later, by what they were over",
    "homeroom_cache_answers_total": "answers by the tier that had them, the kind of question, and how they stood",
    "homeroom_cache_requests_total": "requests to a tier beside the process, by tier and by what came of them",
    "homeroom_cache_entries": "answers that are kept in the process",
    "homeroom_cache_bytes": "what these take, bytes",
    "homeroom_cache_evictions_total": "answers that left the process to make room",
    "homeroom_cache_expired_total": "answers that left it because their time was over",
    "homeroom_cache_removed_total": "answers that left it because less may be seen",
    "homeroom_cache_fills_total": "answers that were put into it",
    "homeroom_cache_age_seconds": "how long ago the oldest of those was made that have proved themselves",
    "homeroom_cache_under_way": "answers that are being looked for or made",
    "homeroom_cache_cut_off": "by tier, 1 while nobody waits for it since it has failed",
    "homeroom_admission_limit": "by class of requests, how many are let in at once now",
    "homeroom_admission_in_flight": "by class, requests that were let in and are being answered",
    "homeroom_admission_queued": "by class, requests that wait to be let in",
    "homeroom_admission_shed_total": "by class, requests that were told to come again since more came than can be done",
    "homeroom_up": "1 while the node is ready, 0 while it is not",
    "homeroom_troubles": "what the node says is wrong with it: /health/ready and /v1/status say what",
    "homeroom_unfolded_entries": "entries with events that are durable here and in no answer yet",
    "homeroom_checked_entries": "entries of the log that were read again since the last round of that began",
    "homeroom_checked_files": "files of history and state that were read again since then",
    "homeroom_checked_timestamp_seconds": "when all was read again last, in seconds since 1970 UTC; 0 is never",
    "homeroom_damages": "what was found damaged when it was read again: /v1/status says what",
    "homeroom_epoch": "number of the last control change",
    "homeroom_erased_events_cut": "events of people who are erased that came since the start and were cut, all tenants",
    "homeroom_events_lost": "events from before a cut of history that no cut covers, of all tenants",
    "homeroom_world_nodes": "nodes that belong to the world, this one too",
    "homeroom_world_behind_entries": "by node, entries that it holds and that are not folded here",
    "homeroom_world_lacking_entries": "by node, entries that are durable here and that it has not told of",
    "homeroom_world_lag_seconds": "by node, so many seconds ago all that it had written is folded here",
    "homeroom_world_apart_shards": "shards in which the state of a node differs from this one's at equal entries",
    "homeroom_world_early_entries": "entries that are durable and wait for a time that is to come, or for a ruling",
    "homeroom_world_comparisons_total": "fingerprints that were compared with other nodes in this life of the node",
    "homeroom_world_alarms": "alarms about other nodes: /v1/status says what about",
    "homeroom_world_clock_stray_seconds": "how far the clock is ahead of the median of all; none if not known",
    "homeroom_world_connected": "1 while messages can go out to other nodes",
    "homeroom_world_sent_bytes_total": "by node, bytes of messages that went to it, as they were on the way",
    "homeroom_world_received_bytes_total": "by node, bytes of messages that came from it",
    "homeroom_world_dropped_total": "by node, messages to and from it that were lost here: no room, or no connection",
    "homeroom_world_waiting": "clients that wait for other regions",
    "homeroom_traffic_verdict": "by node, 0 if it is well, 1 if it is suspected here, 2 if it is confirmed to be gone",
    "homeroom_traffic_load": "by node, how busy it says it is: 0 idle, 1 as much as it can do",
    "homeroom_traffic_share": "by region, the share of its clients that it gets by this node's routing table",
    "homeroom_traffic_generation": "number of this node's routing table",
    "homeroom_traffic_draining": "1 while this node is being emptied by order",
    "homeroom_traffic_tables_total": "routing tables that this node has made since the start",
    "homeroom_traffic_reroutes_total": "how often since then a region lost its clients because it was not well",
    "homeroom_traffic_refused_total": "heartbeats and orders of other nodes that were not taken",
    "homeroom_record_conflicts": "ids of statements under which nodes accepted different ones, all tenants",
}
"""Every metric and what it counts; those of the world are there in a world only."""


_VERDICTS: Final = {"fine": 0, "suspected": 1, "confirmed": 2}


class _Answers:
    """Answers of one route and status: how many, how long they took in all, and how many were in which bucket."""

    __slots__ = ("buckets", "count", "seconds")

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(_SECONDS) + 1)


class Metrics(Collector):
    """Counts requests and batches; a registry of its own, so that two nodes in one process do not mix.

    All of it happens in the thread of the event loop, thousands of times a second. So counts are plain numbers, without
    the locks of the library's own, and become metrics when they are asked for.

    Attributes
    ----------
    caches : says how the cache is; None where the node has none
    admission : says how the door is, by class of requests
    """

    def __init__(self) -> None:
        self.caches: Callable[[], CacheStatus] | None = None
        self._answers: dict[tuple[str, int], _Answers] = {}
        self._under_way = 0
        self._accepted = self._refused = self._bytes = self._keys = 0
        self._batches: Tally[str] = Tally()
        self._limited: Tally[str] = Tally()
        self._is_up = False
        self._troubles = self._unfolded = 0
        self.admission: Callable[[], Mapping[Kind, OverloadStatus]] = dict
        self._epoch = self._cut = 0
        self._lost = self._conflicts = 0
        self._checked = CheckStatus()
        self._world: WorldStatus | None = None
        self._traffic: TrafficStatus | None = None
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def begun(self) -> None:
        """Count a request that is being answered, until `answered`."""
        self._under_way += 1

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count an answer."""
        kept = self._answers.get((route, status))
        if kept is None:
            kept = self._answers[route, status] = _Answers()
        kept.count += 1
        kept.seconds += seconds
        kept.buckets[bisect_left(_SECONDS, seconds)] += 1
        self._under_way -= 1

    def batch(self, outcome: str, accepted: int = 0, refused: int = 0) -> None:
        """Count a batch and its events."""
        self._batches[outcome] += 1
        self._accepted += accepted
        self._refused += refused

    def body(self, size_bytes: int) -> None:
        """Count a body."""
        self._bytes += size_bytes

    def key_refused(self) -> None:
        """Count a key that opened nothing."""
        self._keys += 1

    def limited(self, over: str) -> None:
        """Count a request that came too soon."""
        self._limited[over] += 1

    def page(self, status: Status, traffic: TrafficStatus | None = None) -> bytes:
        """Return all metrics as text, with how the node is now, and in a world where requests go."""
        self._is_up, self._troubles = status.is_ready, len(status.troubles)
        self._unfolded = sum(
            max(number - status.applied[origin], 0)
            for origin, number in status.held.items()
            if origin.stream.has_events
        )
        self._epoch, self._cut = status.epoch, status.cut_events
        self._lost, self._conflicts = status.lost_of_all, status.record_conflicts
        self._checked, self._world = status.checked, status.world
        self._traffic = traffic
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Return all metrics, as the library asks for them."""
        yield self._requests()
        yield self._seconds()
        yield _gauge("homeroom_requests_under_way", self._under_way)
        yield _counter("homeroom_events_accepted_total", self._accepted)
        yield _counter("homeroom_events_refused_total", self._refused)
        yield _counters("homeroom_batches_total", "outcome", self._batches)
        yield _counter("homeroom_body_bytes_total", self._bytes)
        yield _counter("homeroom_refused_keys_total", self._keys)
        yield _counters("homeroom_limited_total", "over", self._limited)
        if self.caches is not None:
            yield from _of_caches(self.caches())
        yield from _of_admission(self.admission())
        yield _gauge("homeroom_up", int(self._is_up))
        yield _gauge("homeroom_troubles", self._troubles)
        yield _gauge("homeroom_unfolded_entries", self._unfolded)
        yield _gauge("homeroom_epoch", self._epoch)
        yield _gauge("homeroom_erased_events_cut", self._cut)
        yield _gauge("homeroom_events_lost", self._lost)
        yield _gauge("homeroom_record_conflicts", self._conflicts)
        yield _gauge("homeroom_checked_entries", self._checked.entries)
        yield _gauge("homeroom_checked_files", self._checked.files)
        yield _gauge("homeroom_checked_timestamp_seconds", (self._checked.finished_ms or 0) / 1_000)
        yield _gauge("homeroom_damages", self._checked.damages)
        if self._world is not None:
            yield from _of_world(self._world)
        if self._traffic is not None:
            yield from _of_traffic(self._traffic)

    def _requests(self) -> Metric:
        answers = self._answers.items()
        counts = (((route, str(status)), kept.count) for (route, status), kept in answers)
        return _counters_of("homeroom_requests_total", ("route", "status"), counts)

    def _seconds(self) -> Metric:
        name = "homeroom_request_seconds"
        found = HistogramMetricFamily(name, NAMES[name], labels=("route",))
        routes: dict[str, list[_Answers]] = {}
        for (route, _), kept in self._answers.items():
            routes.setdefault(route, []).append(kept)
        bounds = [*map(floatToGoString, _SECONDS), "+Inf"]
        for route, some in routes.items():
            counts = [sum(column) for column in zip(*(one.buckets for one in some), strict=True)]
            buckets = list(zip(bounds, accumulate(counts), strict=True))
            found.add_metric((route,), buckets, sum(one.seconds for one in some))
        return found


def _gauge(name: str, value: float) -> Metric:
    return GaugeMetricFamily(name, NAMES[name], value)


def _counter(name: str, value: float) -> Metric:
    return CounterMetricFamily(name, NAMES[name], value)


def _counters(name: str, label: str, values: Mapping[str, int]) -> Metric:
    return _counters_of(name, (label,), (((value,), count) for value, count in values.items()))


def _counters_of(
    name: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], int]]
) -> Metric:
    found = CounterMetricFamily(name, NAMES[name], labels=labels)
    for of, count in values:
        found.add_metric(of, count)
    return found


def _of_caches(status: CacheStatus) -> Iterator[Metric]:
    of_answers, of_requests = ("tier", "kind", "standing"), ("tier", "outcome")
    yield _counters_of("homeroom_cache_answers_total", of_answers, status.answers.items())
    yield _counters_of("homeroom_cache_requests_total", of_requests, status.requests.items())
    yield _gauge("homeroom_cache_entries", status.entries)
    yield _gauge("homeroom_cache_bytes", status.size_bytes)
    yield _counter("homeroom_cache_evictions_total", status.evictions)
    yield _counter("homeroom_cache_expired_total", status.expired)
    yield _counter("homeroom_cache_removed_total", status.removed)
    yield _counter("homeroom_cache_fills_total", status.fills)
    if status.age_ms is not None:
        yield _gauge("homeroom_cache_age_seconds", status.age_ms / 1_000)
    yield _gauge("homeroom_cache_under_way", status.under_way)
    yield _gauges("homeroom_cache_cut_off", "tier", status.cut_off)


def _of_admission(classes: Mapping[Kind, OverloadStatus]) -> Iterator[Metric]:
    by_name = {kind.name.lower(): one for kind, one in classes.items()}
    for name in ("limit", "in_flight", "queued"):
        values = {kind: getattr(one, name) for kind, one in by_name.items()}
        yield _gauges(f"homeroom_admission_{name}", "class", values)
    shed = {kind: one.shed for kind, one in by_name.items()}
    yield _counters("homeroom_admission_shed_total", "class", shed)


def _of_world(world: WorldStatus) -> Iterator[Metric]:
    yield _gauge("homeroom_world_nodes", len(world.nodes))
    others = {name: one for name, one in world.nodes.items() if name != world.node}
    yield _by_node("homeroom_world_behind_entries", {n: one.behind for n, one in others.items()})
    yield _by_node("homeroom_world_lacking_entries", {n: one.lacks for n, one in others.items()})
    yield _by_node("homeroom_world_lag_seconds", {n: one.lag_s for n, one in others.items()})
    yield _counter("homeroom_world_comparisons_total", world.comparisons)
    yield _gauge("homeroom_world_alarms", world.alarms)
    yield _by_node("homeroom_world_apart_shards", dict(world.apart))
    early = sum(one.last - one.first + 1 for one in world.early)
    yield _gauge("homeroom_world_early_entries", early)
    if world.stray_ms is not None:
        yield _gauge("homeroom_world_clock_stray_seconds", world.stray_ms / 1_000)
    yield _gauge("homeroom_world_waiting", world.waiting)
    yield _gauge("homeroom_world_connected", float(world.is_connected))
    sent = {n: one.sent_bytes for n, one in others.items()}
    received = {n: one.received_bytes for n, one in others.items()}
    yield _counters("homeroom_world_sent_bytes_total", "node", sent)
    yield _counters("homeroom_world_received_bytes_total", "node", received)
    dropped = {n: one.dropped for n, one in others.items()}
    yield _counters("homeroom_world_dropped_total", "node", dropped)


def _of_traffic(traffic: TrafficStatus) -> Iterator[Metric]:
    verdicts = {name: _VERDICTS[one.verdict] for name, one in traffic.nodes.items()}
    yield _by_node("homeroom_traffic_verdict", verdicts)
    yield _by_node("homeroom_traffic_load", {n: one.load for n, one in traffic.nodes.items()})
    shares = {name: one.share for name, one in traffic.regions.items()}
    yield _gauges("homeroom_traffic_share", "region", shares)
    yield _gauge("homeroom_traffic_generation", traffic.generation)
    yield _gauge("homeroom_traffic_draining", int(traffic.is_draining))
    yield _counter("homeroom_traffic_tables_total", traffic.tables)
    yield _counter("homeroom_traffic_reroutes_total", traffic.reroutes)
    yield _counter("homeroom_traffic_refused_total", traffic.refused)


def _by_node(name: str, values: Mapping[str, float | None]) -> Metric:
    known = {node: value for node, value in values.items() if value is not None}
    return _gauges(name, "node", known)


def _gauges(name: str, label: str, values: Mapping[str, float]) -> Metric:
    found = GaugeMetricFamily(name, NAMES[name], labels=(label,))
    for value, number in values.items():
        found.add_metric((value,), number)
    return found
