"""The page while its service asks for a token, or is away."""

from __future__ import annotations

import json
from typing import Any

from tests.support.page_actions import (
    NEEDS_BROWSER,
    PATIENCE,
    drop,
    drop_family,
    open_page,
    saved,
    wait_for_state,
)
from tests.support.service_process import serving

pytestmark = NEEDS_BROWSER


def test_a_token_is_asked_for(browser, tmp_path, photos):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123")
    with serving(tmp_path, "--token-file", str(token)) as locked:
        locked.wait_until_ready()
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(locked.address + "/")
        page.fill("#token-value", "0123456789abcdef0123")
        page.click("#token-form .button")
        page.wait_for_selector("body[data-known]")
        drop_family(page, photos)
        page.click("#tab-saving")
        assert "Authorization: Bearer TOKEN" in page.inner_text("#curl")
        page.close()


def test_a_token_is_asked_for_once_though_a_refusal_comes_late(browser, tmp_path):
    token = tmp_path / "token"
    token.write_text("0123456789abcdef0123")
    held: list[Any] = []

    def hold_first(route):
        if held:
            route.continue_()
        else:
            held.append(route)

    with serving(tmp_path, "--token-file", str(token)) as locked:
        locked.wait_until_ready()
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.route("**/accessories", hold_first)
        page.goto(locked.address + "/")
        page.fill("#token-value", "0123456789abcdef0123")
        page.click("#token-form .button")
        held[0].continue_()  # as it was sent, without a token
        page.wait_for_selector("body[data-known]")
        page.close()


def test_the_service_goes_away_and_comes_back(browser, tmp_path, photos):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    with serving(tmp_path) as first:
        first.wait_until_ready()
        open_page(page, first)
        drop_family(page, photos)
    drop(page, photos / "broken.jpg")
    page.wait_for_selector("#offline:not([hidden])")
    with serving(tmp_path, port=first.port) as second:
        second.wait_until_ready()
        wait_for_state(page, "broken", "failed")
        page.wait_for_selector("#offline", state="hidden")
        page.click("#tab-saving")  # the new service does not know the photo: it is sent again
        assert json.loads(saved(page, "[data-view=json]"))["source"] == "family"
        page.close()
