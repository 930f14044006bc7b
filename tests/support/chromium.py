"""The browser of the tests: an installed Chromium, driven by playwright."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
CHROMIUM = os.environ.get("M2FP_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
WHY_NOT = "no Chromium is installed (apt-get install chromium); pages are not tested"
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


@contextlib.contextmanager
def chromium(sync_api: Any) -> Iterator[Any]:
    """A browser until the end of the block."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield browser
        browser.close()
