"""Writes the dashboards of Grafana: ``make dashboards``. A panel is a line of a table; the rest follows from it.

Every panel says under its title what it shows, in the words of `homeroom.adapters.metrics.NAMES` where it shows one
metric, so that nobody has to look them up at three in the morning.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from homeroom.adapters.metrics import NAMES

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "grafana"
_PER_ROW = 3
_WIDTH, _HEIGHT = 24 // _PER_ROW, 8
_OF = 'job="homeroom", instance=~"$instance"'


@dataclass(frozen=True)
class Panel:
    """One chart: its title, what it shows (PromQL; ``$OF`` are the nodes that are chosen), by which label, in what."""

    title: str
    shows: str
    by: str
    unit: str = "short"
    about: str = ""
    most: float | None = None


def _p99(route: str) -> str:
    return (
        "histogram_quantile(0.99, sum by (instance, le) "
        f'(rate(homeroom_request_seconds_bucket{{$OF, route="{route}"}}[5m])))'
    )


DASHBOARDS: dict[str, tuple[str, tuple[Panel, ...]]] = {
    "homeroom-nodes": (
        "homeroom: nodes",
        (
            Panel("Ready", "homeroom_up{$OF}", "instance", most=1),
            Panel("Troubles", "homeroom_troubles{$OF}", "instance"),
            Panel(
                "Requests",
                "sum by (route) (rate(homeroom_requests_total{$OF}[5m]))",
                "route",
                "reqps",
                "requests a second, by route",
            ),
            Panel(
                "Errors",
                'sum by (instance) (rate(homeroom_requests_total{$OF, status=~"5..", status!="503"}[5m])) '
                "/ sum by (instance) (rate(homeroom_requests_total{$OF}[5m]))",
                "instance",
                "percentunit",
                "share of requests that the node failed; 503 says to come again, and is not among them",
            ),
            Panel(
                "Acknowledgement of events, P99",
                _p99("/v1/events"),
                "instance",
                "s",
                "99 of 100 batches have their yes within this",
            ),
            Panel(
                "Questions, P99",
                _p99("/v1/query"),
                "instance",
                "s",
                "99 of 100 questions have their answer within this",
            ),
            Panel(
                "Events",
                "sum by (instance) (rate(homeroom_events_accepted_total{$OF}[5m]))",
                "instance",
                "short",
                "events a second that were acknowledged",
            ),
            Panel("Not folded yet", "homeroom_unfolded_entries{$OF}", "instance"),
            Panel(
                "Let in at once",
                "sum by (class) (homeroom_admission_limit{$OF})",
                "class",
            ),
            Panel(
                "Turned away",
                "sum by (class) (rate(homeroom_admission_shed_total{$OF}[5m]))",
                "class",
                "reqps",
            ),
            Panel("Damaged", "homeroom_damages{$OF}", "instance"),
            Panel(
                "Read again last",
                "time() - (homeroom_checked_timestamp_seconds{$OF} > 0)",
                "instance",
                "s",
                "how long ago all that is on the disk was read again",
            ),
        ),
    ),
    "homeroom-world": (
        "homeroom: the world",
        (
            Panel("Lag", "homeroom_world_lag_seconds{$OF}", "instance}} of {{node", "s"),
            Panel("Behind", "homeroom_world_behind_entries{$OF}", "instance}} of {{node"),
            Panel("Apart", "homeroom_world_apart_shards{$OF}", "instance}} from {{node"),
            Panel("Alarms", "homeroom_world_alarms{$OF}", "instance"),
            Panel("Connected", "homeroom_world_connected{$OF}", "instance", most=1),
            Panel("Clock", "homeroom_world_clock_stray_seconds{$OF}", "instance", "s"),
            Panel(
                "Sent",
                "sum by (instance) (rate(homeroom_world_sent_bytes_total{$OF}[5m]))",
                "instance",
                "Bps",
                "bytes a second that go to other nodes",
            ),
            Panel(
                "Lost messages",
                "sum by (instance) (rate(homeroom_world_dropped_total{$OF}[5m]))",
                "instance",
                "short",
                "messages a second that were dropped here, and are fetched again from a log",
            ),
            Panel("Waiting for other regions", "homeroom_world_waiting{$OF}", "instance"),
            Panel("Entries of the future", "homeroom_world_early_entries{$OF}", "instance"),
            Panel("Control changes", "homeroom_epoch{$OF}", "instance"),
            Panel(
                "Fingerprints compared",
                "rate(homeroom_world_comparisons_total{$OF}[5m])",
                "instance",
                "short",
                "comparisons a second: none for long means that nobody would notice a difference",
            ),
        ),
    ),
    "homeroom-traffic": (
        "homeroom: traffic and kept answers",
        (
            Panel(
                "Nodes that are not well",
                "max by (node) (homeroom_traffic_verdict{$OF})",
                "node",
                "short",
                "0 well, 1 suspected by somebody, 2 confirmed to be gone by somebody",
                2,
            ),
            Panel(
                "Share of their clients that regions get",
                "max by (region) (homeroom_traffic_share{$OF})",
                "region",
                "percentunit",
                "by the table that gives most",
                1,
            ),
            Panel("Load", "max by (node) (homeroom_traffic_load{$OF})", "node"),
            Panel("Routing table", "homeroom_traffic_generation{$OF}", "instance"),
            Panel(
                "Reroutes",
                "increase(homeroom_traffic_reroutes_total{$OF}[1h])",
                "instance",
                "short",
                "how often in an hour a region lost its clients because it was not well",
            ),
            Panel(
                "Refused in the name of others",
                "increase(homeroom_traffic_refused_total{$OF}[1h])",
                "instance",
            ),
            Panel(
                "Answers by tier",
                "sum by (tier) (rate(homeroom_cache_answers_total{$OF}[5m]))",
                "tier",
                "reqps",
                "answers a second, by the tier that had them",
            ),
            Panel(
                "Share of answers that were kept",
                '1 - sum by (instance) (rate(homeroom_cache_answers_total{$OF, tier="engine"}[5m])) '
                "/ sum by (instance) (rate(homeroom_cache_answers_total{$OF}[5m]))",
                "instance",
                "percentunit",
                "of answers that may be kept",
                1,
            ),
            Panel("Kept in the process", "homeroom_cache_bytes{$OF}", "instance", "bytes"),
            Panel("Oldest kept", "homeroom_cache_age_seconds{$OF}", "instance", "s"),
            Panel(
                "Left to make room",
                "sum by (instance) (rate(homeroom_cache_evictions_total{$OF}[5m]))",
                "instance",
            ),
            Panel(
                "Tiers that are cut off", "homeroom_cache_cut_off{$OF}", "instance}} {{tier", most=1
            ),
        ),
    ),
}


def _described(panel: Panel) -> str:
    """Return what a panel shows, in words."""
    metrics = re.findall(r"homeroom_\w+", panel.shows)
    about = panel.about or NAMES[metrics[0]]
    return f"{about[0].upper()}{about[1:]}."


def _panel(panel: Panel, place: int) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0 if "stray" not in panel.shows else None,
    }
    if panel.most is not None:
        defaults["max"] = panel.most
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": panel.title,
        "description": _described(panel),
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {
            "x": place % _PER_ROW * _WIDTH,
            "y": place // _PER_ROW * _HEIGHT,
            "w": _WIDTH,
            "h": _HEIGHT,
        },
        "fieldConfig": {
            "defaults": {name: value for name, value in defaults.items() if value is not None},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [
            {
                "refId": "A",
                "expr": panel.shows.replace("$OF", _OF),
                "legendFormat": f"{{{{{panel.by}}}}}",
            }
        ],
    }


def _dashboard(uid: str, title: str, panels: tuple[Panel, ...]) -> dict[str, Any]:
    choices = [
        {"name": "datasource", "type": "datasource", "query": "prometheus"},
        {
            "name": "instance",
            "type": "query",
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "query": 'label_values(homeroom_up{job="homeroom"}, instance)',
            "includeAll": True,
            "multi": True,
            "refresh": 2,
        },
    ]
    return {
        "uid": uid,
        "title": title,
        "tags": ["homeroom"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": choices},
        "panels": [_panel(panel, place) for place, panel in enumerate(panels)],
    }


def written(uid: str) -> str:
    """Return a dashboard as its file holds it."""
    return json.dumps(_dashboard(uid, *DASHBOARDS[uid]), indent=2) + "\n"


if __name__ == "__main__":
    for name in DASHBOARDS:
        (FOLDER / f"{name}.json").write_text(written(name), encoding="utf-8")
