"""A real headless browser, Debian's chromium, that Selenium drives through Debian's chromium-driver."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import ActionChains, Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
EXECUTABLE = next((found for name in NAMES if (found := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
PAINTED = "new Promise(done => new PerformanceObserver(() => done()).observe({type: 'paint', buffered: true}))"
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")

needs_browser = pytest.mark.skipif(EXECUTABLE is None or DRIVER is None, reason="chromium and chromedriver are needed")


class Browser:
    """One tab."""

    def __init__(self, driver: Chrome) -> None:
        self.driver = driver

    def open(self, page: Path) -> None:
        """Load a file and wait until it is drawn; what was logged before is forgotten.

        Chromium holds the page before until the new one is first drawn, and drops the keys that come until then.
        """
        self.driver.get("about:blank")
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self.driver.get(page.as_uri())
        self.run(f"{PAINTED}.then(() => {TWO_FRAMES})")

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is waited for."""
        return self.driver.execute_script(f"return {expression}")

    def click(self, selector: str) -> None:
        """A click of the mouse in the middle of an element, which must be in sight."""
        element = self.driver.find_element(By.CSS_SELECTOR, selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", element)
        element.click()

    def press(self, key: str) -> None:
        """A key: a letter, or one of Selenium's names, such as ENTER; the page has drawn what the key did.

        What a summary opens is drawn, and reached by the next key, one frame later: on a busy machine that is too late.
        """
        ActionChains(self.driver).send_keys(getattr(Keys, key, key)).perform()
        self.run(TWO_FRAMES)

    def emulate(
        self, *, scheme: str = "light", width: int = 1000, motion: str = "no-preference", media: str = ""
    ) -> None:
        """A window of `width` pixels and what its user prefers."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": motion}
        listed = [{"name": name, "value": value} for name, value in features.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": listed})

    def save_into(self, folder: Path) -> None:
        """Where downloads go."""
        where = {"behavior": "allow", "downloadPath": str(folder)}
        self.driver.execute_cdp_cmd("Browser.setDownloadBehavior", where)

    def complaints(self) -> list[dict[str, Any]]:
        """What the console was told since the last question: messages, exceptions, what the policy refused."""
        return list(self.driver.get_log("browser"))

    def asked(self) -> list[str]:
        """The addresses that the page asked for since the last question."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [params["request"]["url"] for params in sent]


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own; nothing of it is left behind."""
    assert EXECUTABLE is not None
    options = ChromeOptions()
    options.binary_location = EXECUTABLE
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options, ChromeService(DRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
