"""Tokens of a provider over HTTP: what they say they may do, and nothing when anything is wrong."""

import json

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from homeroom.errors import AccessError
from homeroom.running.hosting import tokens_of
from homeroom.serve.access import caller_of_claims
from homeroom.serve.settings import OidcSettings
from tests.serve.clients import EVENT, NOW_MS

KEY = RSAKey.generate_key(2048, {"kid": "one"}, private=True)
CLAIMS = {
    "iss": "https://idp.example",
    "aud": "homeroom",
    "sub": "ada@example.org",
    "exp": NOW_MS // 1_000 + 600,
    "scope": "openid homeroom:read homeroom:persons homeroom:everything",
}


def token(**claims):
    return jwt.encode({"alg": "RS256", "kid": "one"}, {**CLAIMS, **claims}, KEY)


@pytest.fixture
def known(make_client, tmp_path):
    path = tmp_path / "keys.json"
    path.write_text(json.dumps(KeySet([KEY]).as_dict(private=False)))

    def make(**fields):
        given = {"issuer": CLAIMS["iss"], "audience": "homeroom", "keys": str(path)}
        return make_client(tokens=tokens_of(OidcSettings(**given, **fields)))

    return make


def test_a_token_opens_what_its_scopes_name_and_nothing_else(known):
    client = known()
    client.send(EVENT)
    answer = client.query(token(), {"question": "active"})
    assert answer.json()["answer"]["active"]["day"]["values"] == [1]
    assert client("PUT", "/v1/cohorts/x", token(), json={"did": "any"}).status_code == 403
    assert client.query(token(scope=""), {"question": "active"}).status_code == 403
    assert client.query(token(scope=["homeroom:read"]), {"question": "active"}).status_code == 200
    assert client.query(token(scope=7), {"question": "active"}).status_code == 401


def test_a_token_that_is_not_valid_is_told_what_a_wrong_key_is_told(known):
    client = known()
    for text in (token(aud="other"), token(exp=1), "a.b.c", ""):
        answer = client.query(text, {"question": "active"})
        assert (answer.status_code, answer.json()["type"]) == (401, "/docs#not-authenticated")


def test_without_a_provider_no_token_opens_anything(client):
    assert client.query(token(), {"question": "active"}).status_code == 401
    assert tokens_of(OidcSettings()) is None


def test_a_tokens_tenant_is_that_of_its_claim_and_must_be_there(known):
    client = known(tenant_claim="org")
    client.key("read", tenant="north", name="north")
    assert client.query(token(org="north"), {"question": "active"}).status_code == 200
    for claims in ({"org": "south"}, {"org": 7}, {}):
        assert client.query(token(**claims), {"question": "active"}).status_code == 401


def test_a_look_at_persons_is_written_down_under_a_name_that_names_nobody(known):
    client = known()
    client.send(EVENT)
    asked = {"question": "members", "cohort": {"did": "any"}}
    assert client.query(token(), asked).status_code == 200
    text = client.audit.path.read_text()
    assert '"who":"oidc-' in text
    assert "ada@example.org" not in text


def test_a_token_that_names_no_tenant_is_none():
    with pytest.raises(AccessError, match="no claim org"):
        caller_of_claims({"scope": ""}, {"scope": "scope", "tenant": "org"}, "x")
