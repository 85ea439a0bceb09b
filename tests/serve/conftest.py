"""A client of the interface over a node in memory."""

import pytest

from tests.serve.clients import make_client


@pytest.fixture
def client(tmp_path):
    made = make_client(tmp_path)
    yield made
    made.interface.audit.close()
