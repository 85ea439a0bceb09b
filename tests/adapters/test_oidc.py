"""Tokens of a provider: only what was signed by its key, for us, now."""

import asyncio
import base64
import hmac
import json

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from homeroom.adapters.oidc import OidcTokens
from homeroom.errors import AccessError, SettingsError

NOW_S = 1_795_428_000
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, private=True)
OTHER = RSAKey.generate_key(2048, {"kid": "two", "use": "sig"}, private=True)
MUST_BE = {"issuer": "https://idp.example", "audience": "homeroom", "algorithm": "RS256"}
NAMES = {"scope": "scope", "default": "main"}
CLAIMS = {"iss": MUST_BE["issuer"], "aud": "homeroom", "sub": "ada", "exp": NOW_S + 600}


def key_set(*keys):
    return json.dumps(KeySet(list(keys)).as_dict(private=False)).encode()


def token(claims=CLAIMS, key=KEY, **header):
    header = {"alg": "RS256", "kid": key.kid, **header}
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def signed_with_the_public_key():
    def part(text):
        return base64.urlsafe_b64encode(text).rstrip(b"=")

    header = part(json.dumps({"alg": "HS256", "kid": "one"}).encode())
    text = header + b"." + part(json.dumps(CLAIMS).encode())
    mac = hmac.digest(KEY.as_pem(private=False), text, "sha256")
    return (text + b"." + part(mac)).decode()


@pytest.fixture
def tokens(tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(KEY))
    return OidcTokens(MUST_BE, str(path), 3_600, NAMES)


def claims(tokens, text, now_s=NOW_S):
    return asyncio.run(tokens.claims(text, now_s * 1_000))


def test_a_token_of_the_provider_for_us_is_taken(tokens):
    assert claims(tokens, token())["sub"] == "ada"
    assert claims(tokens, token(CLAIMS | {"aud": ["other", "homeroom"]}))["sub"] == "ada"


@pytest.mark.parametrize(
    "text",
    [
        token(CLAIMS | {"iss": "https://evil.example"}),
        token(CLAIMS | {"aud": "other"}),
        token(CLAIMS | {"exp": NOW_S - 61}),
        token(CLAIMS | {"nbf": NOW_S + 61}),
        *(token({k: v for k, v in CLAIMS.items() if k != name}) for name in CLAIMS),
        token(key=OTHER),
        token(key=OTHER, kid="one"),
        token(alg="RS512"),
        token()[:-4] + "AAAA",
        "",
        "a.b.c",
        "hr_nothing",
        "x" * 20_000,
        # Signed with the public key as a secret, and not signed at all (RFC 8725, 2.1).
        signed_with_the_public_key(),
        "eyJhbGciOiJub25lIn0." + token().split(".")[1] + ".",
    ],
)
def test_any_other_is_none(tokens, text):
    with pytest.raises(AccessError):
        claims(tokens, text)


def test_a_minute_of_two_clocks_is_tolerated(tokens):
    assert claims(tokens, token(CLAIMS | {"exp": NOW_S - 50}))


def test_a_key_of_another_kind_does_not_do(tmp_path):
    path = tmp_path / "keys.json"
    path.write_bytes(key_set(KEY))
    tokens = OidcTokens(MUST_BE | {"algorithm": "ES256"}, str(path), 3_600, NAMES)
    curve = ECKey.generate_key("P-256", {"kid": "one"}, private=True)
    for text in (token(), token(key=curve, alg="ES256")):
        with pytest.raises(AccessError):
            claims(tokens, text)


def test_a_subject_has_a_name_that_names_nobody(tokens):
    name = tokens.subject(CLAIMS)
    assert name.startswith("oidc-")
    assert "ada" not in name
    assert name != tokens.subject(CLAIMS | {"iss": "https://other.example"})


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"keys": 1}', b" " * (1 << 21)])
def test_a_file_that_is_no_key_set_is_refused(tmp_path, content):
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"JWK Set"):
        OidcTokens(MUST_BE, str(path), 3_600, NAMES)


class Provider:
    """Serves a key set, and counts how often it is asked."""

    def __init__(self, *keys):
        self.keys, self.asked, self.is_down = keys, 0, False

    def fetch(self, address):
        assert address == "https://idp.example/keys"
        self.asked += 1
        if self.is_down:
            raise OSError("down")
        return key_set(*self.keys)

    def tokens(self):
        return OidcTokens(MUST_BE, "https://idp.example/keys", 3_600, NAMES, self.fetch)


def test_a_fetched_set_is_kept_for_a_while():
    provider = Provider(KEY)

    async def ask():
        tokens = provider.tokens()
        for later_s in (0, 1, 3_599):
            await tokens.claims(token(CLAIMS | {"exp": NOW_S + 9_999}), (NOW_S + later_s) * 1_000)
        assert provider.asked == 1
        await tokens.claims(token(CLAIMS | {"exp": NOW_S + 9_999}), (NOW_S + 3_601) * 1_000)
        assert provider.asked == 2

    asyncio.run(ask())


def test_a_new_key_is_fetched_but_not_more_often_than_once_a_minute():
    provider = Provider(KEY)
    long = CLAIMS | {"exp": NOW_S + 9_999}

    async def ask():
        tokens = provider.tokens()
        await tokens.claims(token(long), NOW_S * 1_000)
        provider.keys = (KEY, OTHER)
        for _ in range(3):
            with pytest.raises(AccessError):
                await tokens.claims(token(long, OTHER), (NOW_S + 1) * 1_000)
        assert provider.asked == 1
        assert await tokens.claims(token(long, OTHER), (NOW_S + 61) * 1_000)
        assert provider.asked == 2

    asyncio.run(ask())


def test_keys_that_were_good_go_on_while_the_provider_is_down():
    provider = Provider(KEY)
    long = CLAIMS | {"exp": NOW_S + 9_999}

    async def ask():
        tokens = provider.tokens()
        await tokens.claims(token(long), NOW_S * 1_000)
        provider.is_down = True
        assert await tokens.claims(token(long), (NOW_S + 4_000) * 1_000)

    asyncio.run(ask())


def test_without_any_keys_nobody_gets_in_and_it_is_tried_again():
    provider = Provider(KEY)
    provider.is_down = True

    async def ask():
        tokens = provider.tokens()
        for _ in range(2):
            with pytest.raises(AccessError):
                await tokens.claims(token(), NOW_S * 1_000)
        assert provider.asked == 1
        provider.is_down = False
        assert await tokens.claims(token(), (NOW_S + 60) * 1_000)

    asyncio.run(ask())
