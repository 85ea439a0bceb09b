"""The benchmark of the record store runs, and what it kept last is what it sent last."""

import argparse
import json

from benchmarks import records


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
