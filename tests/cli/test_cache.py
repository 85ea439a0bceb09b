"""``homeroom cache advise``: a table from a log of keys, and a broken log in one line."""

from homeroom.cli import main
from homeroom.traffic.caching.advisor import Sampler


def test_a_log_becomes_a_table_of_sizes(tmp_path, capsys):
    sampler = Sampler(b"secret", 1.0)
    lines = [sampler.line(f"key {number * number % 997}", 600) for number in range(4_000)]
    log = tmp_path / "keys.log"
    log.write_text("\n".join([sampler.head, *lines, "# asked 4000", ""]))
    assert main(["cache", "advise", str(log), "--megabytes", "0.1", "--megabytes", "0.001"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "4,000 requests of 499 keys, 100.00% of all keys"
    assert told[1].split() == ["megabytes", "LRU", "homeroom", "within"]
    assert told[2].split()[0] == "0.100"
    assert told[2].count("%") == 3
    assert told[3].endswith("too small for this sample to tell")


def test_a_log_that_is_none_is_named(tmp_path, capsys):
    log = tmp_path / "keys.log"
    for content in (b"# rate 1\nwhat\n", b"\xff\xfe"):
        log.write_bytes(content)
        assert main(["cache", "advise", str(log)]) != 0
        assert "keys.log" in capsys.readouterr().err
