"""Interfaces over running nodes, stopped at the end."""

import pytest

from tests.serve.clients import Client


@pytest.fixture
def make_client(tmp_path):
    """Give a function that makes a client with settings of its own."""
    made = []

    def make(settings=None, tokens=None, provider=None):
        made.append(Client(tmp_path / f"node {len(made)}", settings, tokens, provider))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client):
    """Give a client of a node with nothing in it."""
    return make_client()


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory):
    """Give a client that all tests of a module share."""
    made = Client(tmp_path_factory.mktemp("node") / "data")
    yield made
    made.close()
