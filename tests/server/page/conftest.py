"""The page in a real browser, with the real service behind it; skipped without a Chromium."""

from __future__ import annotations

import pytest

from tests.support.chromium import chromium
from tests.support.page_actions import (
    PATIENCE,
    is_complaint,
    is_foreign,
    open_page,
)
from tests.support.service_process import EXAMPLES, serving, two_people


@pytest.fixture(scope="package")
def browser():
    sync_api = pytest.importorskip("playwright.sync_api")
    with chromium(sync_api) as started:
        yield started


@pytest.fixture(scope="package")
def service(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("log")) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="package")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    two_people().save(folder / "family.png")
    (folder / "broken.jpg").write_bytes((EXAMPLES / "astronaut.jpg").read_bytes()[:3000])
    return folder


@pytest.fixture
def page(browser, service):
    """The open page; fails if it wrote an error to the console or asked anybody else."""
    complaints = []
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
    page.on(
        "request", lambda asked: complaints.append(asked.url) if is_foreign(asked.url) else None
    )
    open_page(page, service)
    yield page
    context.close()
    assert complaints == []
