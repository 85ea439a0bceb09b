"""What watches nodes: rules, dashboards and runbooks name what exists and each other, and real programs take them."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from docs import write_dashboards
from homeroom.adapters.metrics import NAMES

ROOT = Path(__file__).resolve().parent.parent
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
RULES = yaml.safe_load((PROMETHEUS / "homeroom.rules.yml").read_text(encoding="utf-8"))["groups"][0]
DASHBOARDS = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "deploy" / "grafana").glob("*.json"))
}
TESTED = ("homeroom.rules.test.yml", "homeroom.rules.weeks.test.yml")
KNOWN = {*NAMES, "homeroom_request_seconds_bucket"}


def run(program: str, *words: str, folder: Path) -> None:
    """Run a program, which must be content; skip where it is not here."""
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}, which is not here: make tools")
    done = subprocess.run(
        [program, *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\bhomeroom_[a-z_]+", text))


@pytest.mark.parametrize("tested", TESTED)
def test_each_alert_is_raised_by_what_it_is_for_and_by_nothing_else(tested):
    run("promtool", "test", "rules", tested, folder=PROMETHEUS)


def test_no_alert_is_without_such_a_test():
    tried = [
        case["alert_rule_test"][0]["alertname"]
        for name in TESTED
        for case in yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8"))["tests"]
    ]
    assert sorted(tried) == sorted(rule["alert"] for rule in RULES["rules"])


def test_prometheus_takes_its_settings():
    run("promtool", "check", "config", "prometheus.yml", folder=PROMETHEUS)


def test_alertmanager_takes_its_settings():
    run("amtool", "check-config", "alertmanager.yml", folder=ROOT / "deploy" / "alertmanager")


def test_each_alert_has_a_runbook_and_each_runbook_an_alert():
    runbooks = [rule["annotations"]["runbook"] for rule in RULES["rules"]]
    assert sorted(runbooks) == [f"docs/runbooks/{path.name}" for path in sorted(RUNBOOKS.iterdir())]
    assert {rule["labels"]["severity"] for rule in RULES["rules"]} == {"page", "ticket"}


def test_what_is_looked_at_is_counted():
    for rule in RULES["rules"]:
        assert metrics_in(rule["expr"]) <= KNOWN, rule["alert"]
    for path in RUNBOOKS.iterdir():
        assert metrics_in(path.read_text(encoding="utf-8")) <= KNOWN, path.name
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            assert metrics_in(panel["targets"][0]["expr"]) <= KNOWN, (name, panel["title"])


def test_dashboards_are_those_of_their_table():
    assert set(write_dashboards.DASHBOARDS) == set(DASHBOARDS)
    for name in DASHBOARDS:
        path = ROOT / "deploy" / "grafana" / f"{name}.json"
        text = path.read_text(encoding="utf-8")
        assert write_dashboards.written(name) == text, f"{path.name} is old: make dashboards"


def test_prometheus_can_read_each_panel(tmp_path):
    rules = [
        {
            "record": f"panel:{number}",
            "expr": panel["targets"][0]["expr"].replace("$instance", ".+"),
        }
        for number, panel in enumerate(p for one in DASHBOARDS.values() for p in one["panels"])
    ]
    assert len(rules) > 30
    text = yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]})
    (tmp_path / "panels.yml").write_text(text, encoding="utf-8")
    run("promtool", "check", "rules", "panels.yml", folder=tmp_path)


def test_panels_of_a_dashboard_do_not_lie_over_each_other():
    for dashboard in DASHBOARDS.values():
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard["panels"]]
        assert len(set(places)) == len(places)
        assert all(panel["description"].endswith(".") for panel in dashboard["panels"])
