"""A real browser: Debian's Chromium without a window."""

import os
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from edge.values import Pixels

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
OPTIONS = (
    "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip


class Browser:
    """One window, and what a person does and sees in it."""

    def __init__(self, profile: Path) -> None:
        """Open it.

        Args:
            profile: an empty folder.
        """
        assert CHROMIUM
        assert DRIVER
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        # Chromium's sandbox does not work for root.
        root = ["--no-sandbox"] if os.getuid() == 0 else []
        for option in (*OPTIONS, *root, f"--user-data-dir={profile}"):
            options.add_argument(option)
        options.accept_insecure_certs = True
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))
        self.driver.set_page_load_timeout(20)

    def close(self) -> None:
        self.driver.quit()

    def become(self, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
        """Have a screen of this size; below 600 pixels it is a phone's."""
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})

    def open(self, url: str) -> None:
        self.driver.get_log("browser")  # what another page said
        self.driver.get(url)

    def leave(self) -> None:
        self.driver.get("about:blank")

    def find(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of what is there at this moment, for the page replaces it all the time."""
        return list(self.run("return [...document.querySelectorAll(arguments[0])]"
                             ".map((one) => one.textContent)", selector))  # fmt: skip

    def text(self, selector: str) -> str:
        return " ".join(self.texts(selector))

    def run(self, script: str, *given: object) -> Any:
        return self.driver.execute_script(script, *given)

    def wait(self, selector: str, text: str = "", seconds: float = 20) -> None:
        """Wait until something is there, with a text in it."""
        WebDriverWait(self.driver, seconds, 0.05).until(
            lambda _: any(text in found for found in self.texts(selector)),
            f"no {selector} with {text!r}: {self.texts(selector)}",
        )

    def photograph(self) -> Pixels:
        """What is on the screen."""
        png = np.frombuffer(self.driver.get_screenshot_as_png(), np.uint8)
        return np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR)[:, :, ::-1], np.uint8)

    def complaints(self) -> list[str]:
        """What the page or the browser said on the console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def overhang(self) -> int:
        """Pixels by which the page is wider than the screen."""
        return int(self.run("return document.documentElement.scrollWidth - innerWidth"))
