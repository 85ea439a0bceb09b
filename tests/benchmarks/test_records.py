"""The benchmarks of the record store run, and what it kept last is what it sent last."""

import argparse
import json

from benchmarks import record_copies, records


def test_steps_are_measured(capsys, tmp_path):
    parser = argparse.ArgumentParser()
    records.add_arguments(parser)
    sizes = ["--statements", "64", "--group", "16", "--workdir", str(tmp_path)]
    result = records.measure(parser.parse_args(sizes))
    assert set(result["steps_us"]) >= {"read JSON", "check", "prepare and seal", "apply"}
    assert result["statements"] == 64
    made = [records._made(number) for number in range(2)]
    assert len({json.loads(line)["id"] for line in made}) == 2
    records.show(result)
    assert "µs of the processor" in capsys.readouterr().out


def test_both_ways_keep_the_same_and_copies_let_the_log_forget(capsys, tmp_path):
    parser = argparse.ArgumentParser()
    record_copies.add_arguments(parser)
    sizes = ["--statements", "64", "--copies", "2", "--batch", "8", "--workdir", str(tmp_path)]
    result = record_copies.measure(parser.parse_args(sizes))
    assert result["ways"]["log forgets nothing"]["copies_bytes"] == 0
    assert result["ways"]["with copies"]["copies_bytes"] > 0
    record_copies.show(result)
    assert "P99 of a request" in capsys.readouterr().out
