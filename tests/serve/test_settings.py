"""Settings: one list of definitions, and nothing that is not in it."""

import tomllib

import pytest

from homeroom.errors import SettingsError
from homeroom.serve.settings import Settings, read_settings
from homeroom.serve.settings_written import commented_file


def read(text="", **environment):
    return read_settings(text, "homeroom.toml", environment)


def test_without_anything_they_are_as_the_file_says_in_its_comments():
    assert read() == Settings()
    assert read(commented_file()) == Settings()


def test_the_file_with_its_comments_taken_off_says_the_same():
    lines = commented_file().splitlines()
    settings = [
        line.removeprefix("# ")
        for line in lines
        if line.startswith("[") or (" = " in line and "none" not in line and line.startswith("# "))
    ]
    text = "\n".join(line for line in settings if "(" not in line.split(" = ")[0])
    assert tomllib.loads(text)
    assert read(text) == Settings()


def test_a_variable_counts_more_than_the_file():
    text = '[server]\nport = 9000\nhost = "::1"\n'
    found = read(text, HOMEROOM_SERVER_PORT="9001", HOMEROOM_NODE_WAIT_SECONDS="0.5", PATH="/bin")
    assert (found.server.port, found.server.host, found.node.wait_seconds) == (9001, "::1", 0.5)


def test_a_variable_can_take_a_value_away():
    text = '[oidc]\ntenant_claim = "org"\n'
    assert read(text, HOMEROOM_OIDC_TENANT_CLAIM="none").oidc.tenant_claim is None


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        ("[servr]\n", {}, r"section \[servr\] is not known; did you mean server\?"),
        ("[server]\nprot = 1\n", {}, r"server\.prot is not known; did you mean port\?"),
        ("server = 1\n", {}, r"server must be a section"),
        ("[server]\nport = 70000\n", {}, r"<= 65535.*server\.port"),
        ('[server]\nport = "x"\n', {}, r"Expected `int`.*server\.port"),
        ("[server\n", {}, "is no TOML"),
        ("", {"HOMEROOM_SERVER_PROT": "1"}, "HOMEROOM_SERVER_PROT is not known; did you mean port"),
        ("", {"HOMEROOM_SERVER_PORT": "x"}, "HOMEROOM_SERVER_PORT must be a number"),
        ('[server]\ncertificate = "c"\n', {}, "go together"),
        ('[world]\nfile = "w"\nauthority = "a"\n', {}, "go together"),
        ('[oidc]\nissuer = "https://idp"\n', {}, r"oidc\.issuer needs oidc\.audience"),
        ('[oidc]\nalgorithm = "none"\n', {}, "matching regex"),
        ('[oidc]\nalgorithm = "HS256"\n', {}, "matching regex"),
    ],
)
def test_what_is_not_a_setting_is_refused_with_what_it_might_be(text, environment, message):
    with pytest.raises(SettingsError, match=message):
        read(text, **environment)


def test_variables_about_something_else_are_left_alone():
    assert read("", HOMEROOM_KEY="x", HOMEROOM="y") == Settings()


def test_hosts_that_webhooks_may_reach_are_a_list_with_commas():
    assert read("").webhooks.hosts == ()
    assert read('[webhooks]\nallowed_hosts = "inside, here:8080,"\n').webhooks.hosts == (
        "inside",
        "here:8080",
    )
    assert read("", HOMEROOM_WEBHOOKS_ALLOWED_HOSTS="inside").webhooks.hosts == ("inside",)
