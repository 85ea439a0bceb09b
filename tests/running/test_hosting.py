"""A node behind its interface: it stops when it is asked to, and starts again where it has fetched another state."""

import asyncio

import httpx
import pytest

from homeroom.errors import SettingsError
from homeroom.running.hosting import host, provider_of
from homeroom.running.node import RunningNode
from homeroom.serve.settings import read_settings
from tests.running.nodes import now_ms


def test_a_node_that_has_fetched_another_state_starts_again_and_answers(tmp_path, monkeypatch):
    nodes, opened = [], RunningNode.open

    async def opening(path, options):
        nodes.append(await opened(path, options))
        return nodes[-1]

    monkeypatch.setattr(RunningNode, "open", opening)
    settings = read_settings("[server]\nport = 0\n", "here", {})

    async def work():
        stopping, heard = asyncio.Event(), asyncio.Queue()
        hosting = asyncio.create_task(
            host(tmp_path / "data", settings, now_ms, stopping, heard.put_nowait)
        )
        answers = []
        async with httpx.AsyncClient() as client:
            for _ in range(2):
                address = await heard.get()
                answer = await client.get(f"{address}/health/ready")
                answers.append(answer.json()["ready"])
                nodes[0].renewal.set()  # as once a snapshot is there
        stopping.set()
        await hosting
        return answers

    assert asyncio.run(work()) == [True, True]
    assert len(nodes) == 2


def test_people_sign_in_at_a_provider_where_settings_name_a_client(tmp_path):
    (tmp_path / "secret").write_text("shh\n")
    (tmp_path / "keys").write_text(
        '{"keys": [{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0", "kid": "1"}]}'
    )
    written = f"""
        [pages]
        address = "https://node"
        [oidc]
        issuer = "https://idp"
        audience = "homeroom"
        keys = "{tmp_path / "keys"}"
        client = "pages"
        client_secret_file = "{tmp_path / "secret"}"
        authorization_url = "https://idp/authorize"
        token_url = "https://idp/token"
    """
    provider = provider_of(read_settings(written, "f", {}))
    assert provider is not None
    address = provider.address("s", "n", "v")
    assert address.startswith("https://idp/authorize?")
    assert "redirect_uri=https%3A%2F%2Fnode%2Fsign-in%2Fprovider%2Fback" in address
    assert provider_of(read_settings("", "f", {})) is None
    (tmp_path / "secret").unlink()
    with pytest.raises(SettingsError, match="client_secret_file"):
        provider_of(read_settings(written, "f", {}))
