"""The benchmark of detectors of faults goes on where it ended, and mixes no sums of different detectors."""

import argparse

import pytest

from benchmarks import detection


def measured(*more):
    parser = argparse.ArgumentParser()
    detection.add_arguments(parser)
    options = parser.parse_args(["--minutes", "2", "--rival-hours", "1", *more])
    return {**detection.measure(options), "virtual_hours_a_second": 0}


def test_hours_in_pieces_are_as_good_as_hours_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(detection, "_KEPT_HOURS", 1)
    kept = ("--kept", str(tmp_path / "found.json"))
    measured("--hours", "1", *kept)
    assert measured("--hours", "3", *kept) == measured("--hours", "3")
    assert measured("--hours", "2", *kept)["homeroom"]["worlds"] == 3  # what is known is told
    with pytest.raises(ValueError, match="take another file"):
        measured("--hours", "3", "--first-seed", "2", *kept)
