"""``homeroom world``: a directory is made, extended, checked."""

from homeroom.cli import main, status


def test_a_world_is_made_extended_and_checked(tmp_path, capsys):
    place = str(tmp_path / "world")
    assert main(["world", "init", place, "--first-port", "30000"]) == status.CLEAN
    out = capsys.readouterr().out.splitlines()
    assert out[0].endswith("8 regions, home us-east.")
    assert out[8] == "lagos-1\thttp://127.0.0.1:30073"
    assert main(["world", "init", place]) == status.FAILED
    assert "is there already" in capsys.readouterr().err
    assert main(["world", "add", place, "tokyo"]) == status.CLEAN
    assert capsys.readouterr().out.startswith("tokyo-1\thttp://127.0.0.1:30083\ted25519:")
    further = ["world", "add", place, "tokyo", "--node"]
    assert main([*further, "tokyo-2"]) == status.CLEAN
    assert capsys.readouterr().out.startswith("tokyo-2\thttp://127.0.0.1:30094\ted25519:")
    assert main([*further, "tokyo-1"]) == status.FAILED
    assert "there is a node tokyo-1 already" in capsys.readouterr().err
    (tmp_path / "world" / "lagos" / "lagos-1" / "data" / "node.key").unlink()
    assert main(["world", "check", place]) == status.WRONG
    told = capsys.readouterr()
    assert told.err.startswith("Not asked, since they do not run here: eu-central-1, ")
    lines = dict(line.split("\t")[1::-1] for line in told.out.splitlines())
    assert {name for name, how in lines.items() if how == "WRONG"} == {"lagos/lagos-1"}
    assert len(lines) == 2 + 2 * 9 + 1 + len(["us", "eu", "sg", "br", "ng", "jp"])


def test_regions_and_nodes_of_ones_own_are_taken(tmp_path, capsys):
    plan = tmp_path / "plan.toml"
    plan.write_text(
        'name = "trial"\nhome = "north"\n'
        '[regions.north]\nlatitude = 60\nlongitude = 10\njurisdiction = "no"\n'
    )
    made = ["world", "init", str(tmp_path / "w"), "--regions", str(plan), "--nodes", "2"]
    assert main(made) == status.CLEAN
    assert "north-2\t" in capsys.readouterr().out
    assert main(["world", "renew", str(tmp_path / "w")]) == status.CLEAN
    assert "1 servers and 2 nodes" in capsys.readouterr().out


def test_a_plan_that_makes_no_sense_makes_nothing(tmp_path, capsys):
    plan = tmp_path / "plan.toml"
    plan.write_text('name = "trial"\nhome = "north"\n')
    made = ["world", "init", str(tmp_path / "w"), "--regions", str(plan)]
    assert main(made) == status.FAILED
    assert "plan.toml" in capsys.readouterr().err
    assert not (tmp_path / "w").exists()
