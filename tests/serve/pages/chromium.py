"""Chromium, as a person has it before them: signed in by the form, in light or dark, on a desk or a telephone.

A browser asks no host but the machine itself: names lead nowhere, and whatever it asks for all the same is seen in its
own log of the network. What it looked like is kept as pictures below ``build/pages``.
"""

import base64
import importlib.resources
import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.serve.pages.browsing import WORDS

ROOT = Path(__file__).resolve().parents[3]
PICTURES = ROOT / "build" / "pages"
PROGRAMS = tuple(map(shutil.which, ("chromium", "chromedriver")))
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--lang=en-GB",
)
VIEWS = {
    "light": (1_400, 900, "light"),
    "dark": (1_400, 900, "dark"),
    "phone": (400, 800, "light"),
    "narrow": (320, 640, "dark"),
}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SECONDS_MAX = 120

needs_chromium = pytest.mark.skipif(
    None in PROGRAMS, reason="chromium or chromedriver is not installed (make tools)"
)


@contextmanager
def chromium(folder):
    """Start a browser with nothing in it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAMS[0]
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(PROGRAMS[1]))
    driver.set_page_load_timeout(SECONDS_MAX)
    driver.set_script_timeout(SECONDS_MAX)
    try:
        yield Person(driver)
    finally:
        driver.quit()


class Person:
    """Somebody before a browser."""

    def __init__(self, driver):
        self.driver, self.url = driver, ""

    def look(self, view):
        """Sit before another screen."""
        width, height, scheme = VIEWS[view]
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)

    def get(self, path):
        """Go to a page."""
        self.driver.get(self.url + path)

    def one(self, selector):
        """Return the first element that a selector of CSS finds."""
        return self.driver.find_element("css selector", selector)

    def all(self, selector):
        """Return all elements that a selector of CSS finds."""
        return self.driver.find_elements("css selector", selector)

    def text(self):
        """Return what the page says."""
        return self.one("body").text

    def sign_in(self, url, name):
        """Sign in by the form, as a new user would: with the keys alone."""
        self.url = url
        self.driver.delete_all_cookies()
        self.get("/")
        self.one("#name").send_keys(name, "\t", WORDS, "\n")
        assert self.one(".who").text.endswith(name)

    def keep(self, name):
        """Keep a picture of the whole page."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        script = "return [innerWidth, Math.min(document.documentElement.scrollHeight, 6000)]"
        width, height = self.driver.execute_script(script)
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        found = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
        )
        (PICTURES / f"{name}.png").write_bytes(base64.b64decode(found["data"]))

    def check(self):
        """Fail if the page is wider than the screen, or if anything stands against those who see or move otherwise."""
        wide, room = self.driver.execute_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide <= room, f"{self.driver.current_url} is {wide} px wide on {room}"
        self.driver.execute_script(_axe())
        found = self.driver.execute_async_script(
            "const told = arguments[arguments.length - 1];"
            "axe.run({runOnly: arguments[0]}).then(r => told(r.violations.map("
            "v => [v.id, v.help, v.nodes.map(n => n.html + n.failureSummary)])))",
            RULES,
        )
        assert not found, f"{self.driver.current_url}: {json.dumps(found, indent=1)}"

    def messages(self):
        """Return what the console was told since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def asked(self):
        """Return the addresses that the browser asked for since the last time."""
        told = [
            json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")
        ]
        return [
            one["params"]["request"]["url"]
            for one in told
            if one["method"] == "Network.requestWillBeSent"
        ]


def _axe():
    return importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
