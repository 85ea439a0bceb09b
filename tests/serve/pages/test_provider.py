"""Signing in at a provider, with real tokens: only who was sent there comes in, once, and sees what the claims say."""

import base64
import hashlib
import json
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from homeroom.adapters.oidc import OidcTokens
from homeroom.adapters.oidc_sign_in import OidcSignIn, posted
from homeroom.errors import SettingsError
from homeroom.serve.settings import PagesSettings, Settings, read_settings
from tests.serve.clients import NOW_MS
from tests.serve.pages.browsing import Browser, text_of

ISSUER, CLIENT, SECRET = "https://idp.example", "homeroom-pages", "shh"
PLACES = (f"{ISSUER}/authorize", f"{ISSUER}/token", "https://node/sign-in/provider/back")
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}, private=True)


class Idp:
    """A provider: it remembers who was sent to it, and exchanges codes once, for the right verifier and secret."""

    def __init__(self):
        self.codes, self.claims = {}, {"sub": "ada", "name": "Ada <b>", "scope": "homeroom:read"}

    def arrive(self, address):
        """Sign somebody in who was sent to an address; return where they are sent back to."""
        asked = {name: one for name, (one,) in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(PLACES[0] + "?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256"
        code = f"code {len(self.codes)}"
        self.codes[code] = asked
        return f"/sign-in/provider/back?code={code}&state={asked['state']}&iss={ISSUER}"

    def post(self, address, form):
        """Exchange a code."""
        assert address == PLACES[1]
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or challenge != asked["code_challenge"] or form["client_secret"] != SECRET:
            raise OSError("400")
        assert form["redirect_uri"] == asked["redirect_uri"] == PLACES[2]
        claims = {
            "iss": ISSUER,
            "aud": CLIENT,
            "exp": NOW_MS // 1_000 + 60,
            "nonce": asked["nonce"],
        }
        token = jwt.encode({"alg": "RS256", "kid": "one"}, claims | self.claims, KEY)
        return json.dumps({"access_token": "x", "id_token": token}).encode()


@pytest.fixture
def idp():
    return Idp()


@pytest.fixture
def client(make_client, idp, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_bytes(json.dumps(KeySet([KEY]).as_dict(private=False)).encode())
    must_be = {"issuer": ISSUER, "audience": CLIENT, "algorithm": "RS256"}
    tokens = OidcTokens(must_be, str(keys), 3_600, {"scope": "scope", "default": "main"})
    provider = OidcSignIn(tokens, (CLIENT, SECRET), PLACES, ISSUER, idp.post)
    settings = Settings(pages=PagesSettings(address="https://node"))
    made = make_client(settings, provider=provider)
    made.key("read", name="so that there is a tenant")
    return made


def sent(browser, wanted="/retention"):
    answer = browser.get(f"/sign-in/provider?next={wanted}")
    assert answer.status_code == 303
    return answer.headers["location"]


def test_who_is_known_there_comes_in_and_sees_what_the_claims_say(client, idp):
    browser = Browser(client)
    assert "/sign-in/provider?next=/overview" in browser.get("/sign-in").text
    back = idp.arrive(sent(browser))
    answer = browser.get(back)
    assert (answer.status_code, answer.headers["location"]) == (303, "/retention")
    page = browser.get("/retention")
    assert page.status_code == 200
    assert "Ada &lt;b&gt;" in page.text
    lines = list(map(json.loads, client.audit.path.read_text().splitlines()))
    assert lines[-1]["what"] == "sign-in"
    assert "Ada" not in lines[-1]["who"]


def test_a_way_back_is_good_once_for_the_browser_that_went(client, idp):
    browser, other = Browser(client), Browser(client)
    back = idp.arrive(sent(browser))
    assert other.get(back).status_code == 401
    assert browser.get(back).status_code == 401  # it was spent
    back = idp.arrive(sent(browser))
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 401


def test_whoever_was_away_too_long_or_comes_from_elsewhere_stays_out(client, idp):
    browser = Browser(client)
    back = idp.arrive(sent(browser))
    assert browser.get(back.replace(ISSUER, "https://evil.example")).status_code == 401
    back = idp.arrive(sent(browser))
    client.now_ms += 601_000
    answer = browser.get(back)
    assert answer.status_code == 401
    assert "Your organisation let nobody in" in text_of(answer)
    assert browser.get("/sign-in/provider/back").status_code == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"nonce": "another"}, 401),
        ({"aud": "homeroom"}, 401),
        ({"aud": [CLIENT, "x"], "azp": "x"}, 401),
        ({"iss": "https://evil.example"}, 401),
        ({"exp": NOW_MS // 1_000 - 120}, 401),
        ({"scope": ""}, 403),
        ({"scope": 7}, 401),
    ],
)
def test_a_token_for_anything_else_lets_nobody_in(client, idp, claims, status):
    browser = Browser(client)
    back = idp.arrive(sent(browser))
    idp.claims |= claims
    assert browser.get(back).status_code == status
    assert browser.get("/overview").status_code == 303


def test_where_somebody_wanted_to_go_is_a_place_of_ours(client, idp):
    browser = Browser(client)
    assert (
        browser.get(idp.arrive(sent(browser, "//evil.example"))).headers["location"] == "/overview"
    )


def test_a_provider_that_says_nothing_useful_lets_nobody_in(client, idp):
    for said in (b"", b"[]", b'{"id_token": 7}', b"{}"):
        browser = Browser(client)
        back = idp.arrive(sent(browser))
        client.interface.provider._post = lambda address, form, said=said: said
        assert browser.get(back).status_code == 401


def test_codes_are_exchanged_over_tls_alone():
    with pytest.raises(OSError, match="not https"):
        posted("http://idp.example/token", {})
    with pytest.raises(SettingsError, match="https"):
        OidcSignIn(None, ("a", ""), ("http://a", "https://a", "b"), ISSUER)  # type: ignore[arg-type]


def test_settings_of_a_client_go_together():
    with pytest.raises(SettingsError, match=r"oidc\.client needs"):
        read_settings('[oidc]\nclient = "x"', "f", {})


def test_without_a_provider_there_is_no_such_way(make_client):
    assert make_client()("GET", "/sign-in/provider").status_code == 404
