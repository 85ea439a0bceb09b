"""A browser without a screen: it keeps cookies, finds the secrets of forms, and sends these as a person would."""

import html
import re
from urllib.parse import urlencode

from homeroom.adapters.passwords import hashed
from homeroom.log.control import Scope, TenantPut
from homeroom.log.users import UserPut
from tests.serve.clients import EVENT

WORDS = "four words nobody guesses"
HASH = hashed(WORDS)
FORM = "application/x-www-form-urlencoded"
HOSTILE = "<script>alert(1)</script>\"'&"


def user(client, name="ada", scopes=("read",), **fields):
    """Let somebody sign in to a node."""
    tenant = fields.setdefault("tenant", "main")
    if tenant not in client.node.control().tenants:
        client.run(client.node.change(TenantPut(name=tenant), "test"))
    fact = UserPut(name=name, password=HASH, scopes=tuple(map(Scope, scopes)), **fields)
    client.run(client.node.change(fact, "test"))


class Browser:
    """Looks at the pages of a client's node."""

    def __init__(self, client):
        self.client = client
        self.cookies = {}
        self.last = None

    def get(self, path, **headers):
        """Look at a page."""
        return self._send("GET", path, headers)

    def post(self, path, fields, **headers):
        """Send a form."""
        headers = {"Content-Type": FORM, "Sec-Fetch-Site": "same-origin", **headers}
        return self._send("POST", path, headers, content=urlencode(fields).encode())

    def token(self):
        """Return the secret of the form that was seen last."""
        return re.findall(r'name="token" value="([0-9a-f]+)"', self.last.text)[-1]

    def sign_in(self, name="ada", password=WORDS, **fields):
        """Sign in, or try to."""
        self.get("/sign-in")
        given = {"token": self.token(), "name": name, "password": password, **fields}
        return self.post("/sign-in", given)

    def _send(self, method, path, headers, **fields):
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        given = {**headers, **({"Cookie": cookie} if cookie else {})}
        given = {name.replace("_", "-"): value for name, value in given.items()}
        self.last = self.client(method, path, headers=given, **fields)
        for line in self.last.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in line:
                del self.cookies[name]
        return self.last


def signed_in(client, name="ada", scopes=("read",), **fields):
    """Return a browser of somebody who is signed in; the password, which takes a while, is not looked at."""
    user(client, name, scopes, **fields)
    browser = Browser(client)
    known = client.node.control().users[name]
    browser.cookies["homeroom"] = client.interface.sessions.begin(known, client.now_ms)
    return browser


def text_of(answer):
    """Return what a page says, without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def weeks(accounts=3, weeks=4, course="physics"):
    """Return events: each account starts a week after the one before, and is there in each week from then on."""
    return [
        {**EVENT, "account": f"learner {who}", "course": course,
         "time": f"2026-{9 + (1 + 7 * week) // 30:02}-{1 + (1 + 7 * week) % 30:02}T10:00:00Z"}
        for who in range(accounts)
        for week in range(who, weeks)
    ]  # fmt: skip
