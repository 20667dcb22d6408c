"""A real browser for tests of pages."""

import json
import shutil
import time
from pathlib import Path
from typing import Any, List, Optional

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMEDRIVER = shutil.which("chromedriver")

needs_browser = [
    pytest.mark.processes,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER), reason="Chromium and its driver are not installed"
    ),
    pytest.mark.xdist_group("browser"),
]


def start_browser(downloads: Optional[Path] = None) -> Any:
    """Return a driver of Chromium that keeps logs and saves downloads to a folder."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    if downloads is not None:
        options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))


def requested_addresses(browser: Any) -> List[str]:
    """Return what the browser has requested since its performance log was last read."""
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def wait_for(condition: Any) -> Any:
    """Return what `condition` gives once it is true. A busy machine may take long."""
    for _ in range(36_000):
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError("this did not happen within an hour")
