"""The catalogue on the command line."""

import pytest

from homeroom.cli import main, status


@pytest.fixture(autouse=True)
def school(tmp_path):
    """Begin the directory with its first key."""
    assert main(["keys", "create", "lms", "--scopes", "read", "--data", str(tmp_path)]) == 0


def test_ids_are_registered_listed_and_withdrawn(tmp_path, capsys):
    data = ["--data", str(tmp_path)]
    assert main(["catalogue", "register", "course", "open *", "physics", *data]) == status.CLEAN
    assert main(["catalogue", "withdraw", "attribute", "gender", *data]) == status.CLEAN
    assert main(["catalogue", "withdraw", "course", "physics", *data]) == status.CLEAN
    capsys.readouterr()
    assert main(["catalogue", "list", *data]) == status.CLEAN
    lines = capsys.readouterr().out.splitlines()
    assert "course\topen *" in lines
    assert "course\tphysics" not in lines
    assert "attribute\tcountry" in lines
    assert "attribute\tgender" not in lines


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["withdraw", "course", "physics"], "is not registered"),
        (["register", "attribute", "name"], "none that an event may bring"),
        (["register", "course", "x", "--tenant", "nobody"], "no tenant"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, capsys, words, why):
    assert main(["catalogue", *words, "--data", str(tmp_path)]) == status.FAILED
    assert why in capsys.readouterr().err
