"""As many connections as the system has room for, and files for the node beside them: each in a process of its own."""

import subprocess
import sys

import pytest

ASK = """
import resource, sys
from homeroom.adapters.open_files import connections_that_fit
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(connections_that_fit(wanted), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize(
    ("soft", "hard", "fit", "allowed"),
    [
        (4_096, 4_096, 1_024, 4_096),
        (1_024, 4_096, 1_024, 1_600),
        (1_024, 1_024, 512, 1_024),
        (1_200, 1_400, 824, 1_400),
        (100, 100, 50, 100),
    ],
)
def test_clients_leave_files_to_the_node(soft, hard, fit, allowed):
    words = [sys.executable, "-c", ASK, str(soft), str(hard), "1024"]
    ended = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.split() == [str(fit), str(allowed)]
