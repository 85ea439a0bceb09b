"""The map: marks where places are, lines to who answers, labels that keep off each other, and the same in words."""

import itertools
import re

import pytest

from homeroom.proving.report.maps import HEADS, place_rows, world_map


def user(place, latitude, longitude, p99_ms=20.0, **fields):
    phases = {"all well": {"p99_ms": p99_ms, "answered_by": "east"}}
    return {"place": place, "region": "europe", "latitude": latitude, "longitude": longitude,
            "bound_ms": 50, "nearest": "east", "phases": phases, **fields}  # fmt: skip


def group(of, latitude, longitude, p99_ms=20.0):
    return {
        "of": of,
        "latitude": latitude,
        "longitude": longitude,
        "bound_ms": 50,
        "p99_ms": p99_ms,
    }


def drawn(users, groups=()):
    east = {"name": "east", "latitude": 50.0, "longitude": 10.0, "down": False}
    return {"regions": [east], "users": users, "groups": list(groups)}


def test_places_stand_at_their_degrees():
    svg = world_map(drawn([user("Null Island", 0.0, 0.0)]), 720)
    assert '<rect x="356" y="146" width="8" height="8" class="returning"' in svg
    assert 'd="M360 150L380 50" class="line-muted"' in svg
    assert '<rect x="375" y="45" width="10" height="10" class="ink"' in svg


@pytest.mark.parametrize(("p99_ms", "is_ring"), [(50.0, False), (50.1, True), (None, True)])
def test_who_is_too_slow_is_a_ring(p99_ms, is_ring):
    svg = world_map(drawn([user("A", 0.0, 0.0, p99_ms)]), 720)
    assert ('class="dormant"' in svg) is is_ring
    assert ('width="4" height="4" class="track"' in svg) is is_ring


def test_nobody_is_too_slow_where_nothing_is_asked():
    svg = world_map(drawn([user("A", 0.0, 0.0, 900.0, bound_ms=None)]), 720)
    assert 'class="dormant"' not in svg


def test_labels_of_near_groups_do_not_cover_each_other():
    groups = [group(f"eu-{n}", 50.0, 8.0 + n) for n in range(4)]
    svg = world_map(drawn([], groups), 900)
    heights = [float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)" class="ink halo"', svg)]
    assert len(heights) == 4
    assert min(b - a for a, b in itertools.pairwise(sorted(heights))) >= 15


def test_a_label_at_the_edge_stays_on_the_map():
    far = [group("far-east", 50.0, 179.0)]
    svg = world_map(drawn([], far), 900)
    x, _ = re.findall(r'<text x="([\d.]+)"', svg)
    assert float(x) < 900 - 60


def test_on_a_narrow_map_groups_stand_below_it():
    groups = [group("north", 0, 0), group("south", 0, 90, 61.0)]
    svg = world_map(drawn([], groups), 312)
    height = 312 * 130 / 360
    heights = [float(y) for y in re.findall(r'<text x="16" y="([\d.]+)"', svg)]
    assert len(heights) == 2
    assert all(y > height for y in heights)
    assert "south 61 ms, too slow</text>" in svg


def test_regions_have_names_where_there_is_room():
    assert "east</text>" in world_map(drawn([]), 900)
    assert "east</text>" not in world_map(drawn([]), 312)


def test_the_words_of_the_map_name_who_waits_too_long():
    svg = world_map(drawn([], [group("north", 0, 0), group("south", 0, 90, 61.0)]), 900)
    assert "north 20 ms, south 61 ms, too slow" in svg


def test_the_table_has_every_phase_and_nothing_for_what_was_not_run():
    one = user("A", 0.0, 0.0)
    one["phases"]["a region down"] = {"p99_ms": 212.0, "answered_by": ""}
    assert place_rows(drawn([one])) == [
        ("A", "europe", "50 ms", "20 ms from east", "", "212 ms"),
    ]
    assert len(HEADS) == 6
