"""The page while its service asks for a token, or is away."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.page_actions import (
    NEEDS_BROWSER,
    PATIENCE,
    drop,
    drop_family,
    open_page,
    put_on,
    saved,
    wait_for_state,
)
from tests.support.service_process import serving

pytestmark = NEEDS_BROWSER

TOKEN = "0123456789abcdef0123"


@pytest.fixture
def locked(tmp_path):
    """A service that asks for ``TOKEN``."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with serving(tmp_path, "--token-file", str(file)) as service:
        service.wait_until_ready()
        yield service


@pytest.fixture
def unknown(browser):
    """A page of somebody who has given no token yet."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    yield page
    page.close()


def give_token(page, token=TOKEN):
    page.fill("#token-value", token)
    page.click("#token-form .button")


def test_a_token_is_asked_for(unknown, locked, photos):
    page = unknown
    page.goto(locked.address + "/")
    give_token(page)
    page.wait_for_selector("body[data-known]")
    drop_family(page, photos)
    page.click("#tab-saving")
    assert "Authorization: Bearer TOKEN" in page.inner_text("#curl")


def test_a_link_with_the_token_is_taken_by_a_page_that_asks_for_it(unknown, locked):
    page = unknown
    page.goto(locked.address + "/")
    page.wait_for_selector("#token[open]")
    page.goto(f"{locked.address}/#token={TOKEN}")
    page.wait_for_selector("body[data-known]")
    assert not page.is_visible("#token")
    assert page.url == locked.address + "/"


def test_a_token_is_asked_for_once_though_a_refusal_comes_late(unknown, locked):
    page = unknown
    held: list[Any] = []

    def hold_first(route):
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/accessories", hold_first)
    page.goto(locked.address + "/")
    give_token(page)
    held[0].continue_()  # as it was sent, without a token
    page.wait_for_selector("body[data-known]")


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


def test_a_token_that_was_not_given_is_asked_for_again(unknown, locked, photos):
    page = unknown
    page.goto(locked.address + "/")
    page.click("#token-cancel")
    drop(page, photos / "family.png")
    give_token(page, "no token of this service")
    page.wait_for_selector("#token-wrong:not([hidden])")
    give_token(page)
    page.wait_for_selector("#switches label:has-text('Face')")  # it knows labels and colors
    assert page.locator("#wardrobe [data-item=fedora]").count() == 1


@pytest.fixture
def fallible(browser, service):
    """The open page, whose console may tell of what went wrong."""
    page = browser.new_page()
    page.set_default_timeout(PATIENCE)
    open_page(page, service)
    yield page
    page.close()


def test_a_proxy_says_that_the_service_is_away(fallible, photos):
    page = fallible
    away = {"status": 502, "content_type": "text/html", "body": "<h1>502 Bad Gateway</h1>"}
    for path in ("**/parse?as=preview", "**/healthz"):
        page.route(path, lambda route: route.fulfill(**away))
    drop(page, photos / "family.png")
    wait_for_state(page, "family", "unreachable")
    page.wait_for_selector("#offline:not([hidden])")
    page.unroute("**/parse?as=preview")
    page.wait_for_timeout(1500)
    assert page.locator(".card[data-state=unreachable]").count() == 1  # it asks /healthz first
    page.unroute("**/healthz")
    wait_for_state(page, "family", "done")
    page.wait_for_selector("#offline", state="hidden")


def test_a_proxy_says_that_a_file_is_too_large(page, photos):
    page.route("**/parse?as=preview", lambda route: route.fulfill(status=413, body="<html>"))
    drop(page, photos / "family.png")
    wait_for_state(page, "family", "failed")
    assert page.inner_text("#message").startswith("The file is too large for this service")


def test_what_failed_is_tried_again(fallible, photos):
    page = fallible
    fail = {"status": 504, "body": '{"error": "timeout", "message": "the photo took longer"}'}
    page.route("**/parse?as=preview", lambda route: route.fulfill(**fail), times=1)
    drop(page, photos / "family.png")
    wait_for_state(page, "family", "failed")
    page.click("#again")
    wait_for_state(page, "family", "done")
    assert page.is_hidden("#amends")


def test_a_damaged_photo_can_only_be_removed(page, photos):
    drop(page, photos / "broken.jpg")
    wait_for_state(page, "broken", "failed")
    assert page.is_hidden("#again")
    page.click("#remove")
    assert page.locator(".card").count() == 0
    assert page.is_visible("#welcome")
    drop_family(page, photos)


def test_a_file_that_is_gone_is_told_and_not_sent_for_ever(fallible, photos, tmp_path):
    page = fallible
    gone = tmp_path / "gone.png"
    gone.write_bytes((photos / "family.png").read_bytes())
    page.route("**/parse?as=preview", lambda route: (gone.unlink(True), route.continue_()))
    page.set_input_files("#files", str(gone))
    wait_for_state(page, "gone", "failed")
    assert "gone.png cannot be read" in page.inner_text("#message")
    assert page.is_hidden("#offline")


def test_a_folder_is_told(fallible, photos):
    page, sent = fallible, []
    page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(photos)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 400, "data": data})
    wait_for_state(page, photos.name, "failed")
    assert page.inner_text("#message") == "This is a folder; drop the photos in it."
    assert sent == []


def test_a_proxy_puts_all_of_it_below_a_path(unknown, service, photos):
    page, strays = unknown, []

    def pass_on(route):
        _, below, path = route.request.url.partition("/m2fp/")
        if not below:
            strays.append(route.request.url)
        route.continue_(url=f"{service.address}/{path}") if below else route.abort()

    page.route(f"{service.address}/**", pass_on)
    page.goto(f"{service.address}/m2fp/")
    page.wait_for_selector("body[data-known]")
    drop_family(page, photos)
    page.click("#tab-fitting")
    put_on(page, "hat", "fedora")
    assert f"{service.address}/m2fp/tryon" in page.text_content("#curl")
    page.click("header a[href]")
    page.wait_for_selector("h1:has-text('m2fp API')")
    assert strays == []
