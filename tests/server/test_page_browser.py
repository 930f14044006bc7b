"""The page in a real browser, with the real service behind it; skipped without a Chromium."""

from __future__ import annotations

import io
import json
import re
import shlex
import zipfile
from base64 import b64encode
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.support.chromium import CHROMIUM, WHY_NOT, chromium
from tests.support.service_process import EXAMPLES, serving, two_people

sync_api = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]
PATIENCE = 120_000  # milliseconds; a first parse on a busy machine


@pytest.fixture(scope="module")
def browser():
    with chromium(sync_api) as started:
        yield started


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("log")) as running:
        running.wait_until_ready()
        yield running


@pytest.fixture(scope="module")
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


def is_complaint(said):
    refused = re.search(r"status of (4\d\d|503)|ERR_CONNECTION_REFUSED", said.text)
    return said.type == "error" and not refused


def is_foreign(url):
    return not url.startswith(("http://127.0.0.1:", "blob:", "data:"))


def open_page(page, service):
    page.goto(service.address + "/")
    page.wait_for_selector("body[data-known]")


def drop(page, *paths):
    """Drop files onto the page, as a person does."""
    files = [[path.name, b64encode(path.read_bytes()).decode()] for path in paths]
    transfer = page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, text] of files) {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            transfer.items.add(new File([bytes], name));
          }
          return transfer;
        }""",
        files,
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})


def wait_for_state(page, name, state):
    page.wait_for_selector(f".card[data-state={state}]:has-text('{name}')")


def drop_family(page, photos):
    drop(page, photos / "family.png")
    wait_for_state(page, "family", "done")
    page.wait_for_selector("#viewer[data-photo='family.png'] #picture:not([hidden])")


def pixel(page, canvas, x, y):
    """Colour of a canvas at a share of its width and height."""
    return page.evaluate(
        """([id, x, y]) => {
          const c = document.getElementById(id);
          const at = [Math.floor(x * c.width), Math.floor(y * c.height), 1, 1];
          return [...c.getContext('2d').getImageData(...at).data].slice(0, 3);
        }""",
        [canvas, x, y],
    )


def face_of(service, path):
    """A place in the middle of somebody's face, as shares of width and height."""
    headers = {"Content-Type": "image/png", "Accept": "image/png"}
    reply = service.ask("POST", "/parse?labels=face", path.read_bytes(), headers)
    ids = np.asarray(Image.open(io.BytesIO(reply.body)))
    rows, columns = np.nonzero(ids)
    middle = len(rows) // 2
    return columns[middle] / ids.shape[1], rows[middle] / ids.shape[0]


def put_on(page, kind, name):
    page.click(f"[data-kind={kind}] [data-item='{name}']")
    page.wait_for_selector(f"[data-kind={kind}] [data-item='{name}'][aria-pressed=true]")
    wait_for_picture(page)


def wait_for_picture(page):
    page.wait_for_selector("#mode option[value=tryon]:not([disabled])", state="attached")
    page.wait_for_timeout(400)  # the request begins a moment after the last click
    page.wait_for_selector("#busy", state="hidden")


def saved(page, selector):
    with page.expect_download() as waiting:
        page.click(selector)
    return waiting.value.path().read_bytes()


def test_two_photos_are_dropped_and_one_is_broken(page, photos):
    drop(page, photos / "broken.jpg", photos / "family.png")
    wait_for_state(page, "family", "done")
    wait_for_state(page, "broken", "failed")
    assert page.locator(".card").count() == 2
    page.click(".card:has-text('broken')")
    assert "truncated" in page.inner_text("#message")
    page.click(".card:has-text('family')")
    page.wait_for_selector("#picture:not([hidden])")
    assert page.locator("#people section h3").count() >= 2


def test_parts_are_seen_switched_off_and_told(page, photos, service):
    drop_family(page, photos)
    face = face_of(service, photos / "family.png")
    page.fill("#slider", "0")
    page.fill("#opacity", "100")
    assert pixel(page, "above", *face) == [0, 255, 0]
    page.click("#switches label:has-text('Face')")
    assert pixel(page, "above", *face) == pixel(page, "below", *face)
    box = page.locator("#picture").bounding_box()
    page.mouse.move(box["x"] + box["width"] * face[0], box["y"] + box["height"] * face[1])
    assert re.fullmatch(r"Face 0\.\d\d · person \d 0\.\d\d", page.inner_text("#tip"))
    page.click("#all-labels")
    assert pixel(page, "above", *face) == [0, 255, 0]
    page.select_option("#mode", "person")
    assert pixel(page, "above", *face) != [0, 255, 0]


def test_the_second_person_gets_a_hat(page, photos):
    drop_family(page, photos)
    page.click("#tab-fitting")
    page.click("#wearers label:has-text('Person 2')")
    put_on(page, "hat", "fedora")
    before = [pixel(page, "below", x, y) for x in (0.25, 0.75) for y in (0.05, 0.1)]
    after = [pixel(page, "above", x, y) for x in (0.25, 0.75) for y in (0.05, 0.1)]
    changed = [one != other for one, other in zip(before, after, strict=True)]
    assert any(changed[:2]) != any(changed[2:])
    page.click("#tab-saving")
    assert "hat.2=fedora" in page.inner_text("#curl")
    picture = Image.open(io.BytesIO(saved(page, "[data-view=tryon]")))
    assert picture.size == two_people().size
    page.click("#tab-fitting")
    page.click("#undress")
    page.wait_for_selector("#undress", state="hidden")
    assert page.input_value("#mode") == "label"


def test_who_cannot_wear_a_thing_is_told(page, photos):
    drop_family(page, photos)
    page.click("#tab-fitting")
    for kind, name in (("hat", "cap"), ("glasses", "round"), ("top", "#1f3a5f")):
        put_on(page, kind, name)
    page.click("#tab-saving")
    line = page.inner_text("#curl")
    assert line.startswith("curl -F image=@family.png -F hat=cap -F glasses=round -F 'top=#1f3a5f'")


def pick(page, kind, color):
    """Choose a colour as the browser's own dialog tells it to the page."""
    page.locator(f"[data-kind={kind}] input[type=color]").evaluate(
        "(input, color) => { input.value = color; input.dispatchEvent(new Event('change')); }",
        color,
    )
    page.wait_for_selector(f"[data-kind={kind}] [data-item='{color}'][aria-pressed=true]")


def test_a_picked_color_is_seen_kept_and_taken_off(page, photos):
    drop_family(page, photos)
    page.click("#tab-fitting")
    for kind in ("hair", "top", "bottom", "shoes"):
        pick(page, kind, "#123456")
        pick(page, kind, "#123456")  # the same again does not take it off
        assert page.evaluate("document.activeElement.dataset.item") == "#123456"
        assert page.locator(f"[data-kind={kind}] input[type=color]").input_value() == "#123456"
    page.click("[data-kind=shoes] [data-item='#123456']")
    wait_for_picture(page)
    page.click("#tab-saving")
    line = page.inner_text("#curl")
    assert "-F 'hair=#123456' -F 'top=#123456' -F 'bottom=#123456' http" in line


def test_hair_has_its_own_colors_and_trousers_the_fabrics(page, photos):
    drop_family(page, photos)
    page.click("#tab-fitting")
    put_on(page, "hair", "copper")
    put_on(page, "bottom", "tartan")
    assert page.locator("[data-kind=hair] [data-item='#7a1f3d']").count() == 0
    assert page.locator("[data-kind=bottom] [data-item=tshirt]").count() == 0
    page.click("#tab-saving")
    assert "-F hair=copper -F bottom=tartan" in page.inner_text("#curl")


def test_downloads(page, photos):
    drop_family(page, photos)
    drop(page, photos / "family.png")
    wait_for_state(page, "family-2", "done")
    page.click("#tab-saving")
    assert json.loads(saved(page, "[data-view=json]"))["source"].startswith("family")
    assert Image.open(io.BytesIO(saved(page, "[data-view=labels]"))).mode == "P"
    one = zipfile.ZipFile(io.BytesIO(saved(page, "[data-view=zip]")))
    assert one.testzip() is None
    both = zipfile.ZipFile(io.BytesIO(saved(page, "#save-all")))
    assert both.testzip() is None
    assert {"labels/family.png", "labels/family-2.png"} <= set(both.namelist())
    assert len(both.namelist()) == 2 * len(one.namelist())


def test_a_reload_keeps_the_photos(page, photos, service):
    drop_family(page, photos)
    page.reload()
    wait_for_state(page, "family", "done")
    page.wait_for_selector("#picture:not([hidden])")
    page.click("#tab-saving")
    page.click("#forget")
    page.wait_for_selector("#welcome:not([hidden])")
    page.reload()
    page.wait_for_selector("body[data-known]")
    assert page.locator(".card").count() == 0


def test_a_name_is_a_text_on_the_page_and_one_word_in_a_terminal(page, photos):
    name = "<img src=x onerror=alert(1)>;'a',$(id)\".png"
    evil = photos / name
    evil.write_bytes((photos / "family.png").read_bytes())
    drop(page, evil)
    page.wait_for_selector("#picture:not([hidden])")
    assert name in page.inner_text(".card")
    assert page.locator("img[src=x]").count() == 0
    page.click("#tab-saving")
    words = shlex.split(page.inner_text("#curl"))
    assert words[:3] == ["curl", "-F", 'image=@"{}"'.format(name.replace('"', '\\"'))]


def test_the_keyboard_is_enough(page, photos):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    drop_family(page, photos)
    drop(page, photos / "broken.jpg")
    wait_for_state(page, "broken", "failed")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#viewer[data-photo='broken.jpg']")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("#viewer[data-photo='family.png'] #picture:not([hidden])")
    page.keyboard.press("o")
    assert page.input_value("#slider") == "100"
    page.keyboard.press("p")
    assert page.input_value("#mode") == "person"
    page.focus("#tab-parts")
    page.keyboard.press("ArrowRight")
    assert page.locator("#fitting").is_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.is_checked("#wearers label:has-text('Person 1') input")
    page.focus("#picture")
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#probe") != "Point at the picture to see what is there."


def test_it_speaks_chinese(page, photos):
    drop_family(page, photos)
    page.click("#language")
    assert page.inner_text("#tab-fitting") == "试穿"
    assert "脸" in page.inner_text("#switches")
    assert re.fullmatch(r"\d 人", page.inner_text(".card .state"))
    page.reload()
    page.wait_for_selector("body[data-known]")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_every_word_is_in_both_languages(page):
    missing = page.evaluate(
        """async () => {
          const source = (await (await fetch('/page/language.js')).text())
            .replace(/"[^"]*"|`[^`]*`/g, '""');
          const keys = (name) => new Set([...source.split(`const ${name} = {`)[1].split('};')[0]
            .matchAll(/(?:^|[\\s,{])(\\w+): /gm)].map((found) => found[1]));
          const [english, chinese] = [keys('ENGLISH'), keys('CHINESE')];
          return [...english].filter((key) => !chinese.has(key))
            .concat([...chinese].filter((key) => !english.has(key)));
        }"""
    )
    assert missing == []


def test_on_a_phone_nothing_sticks_out(browser, service, photos):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    open_page(page, service)
    drop_family(page, photos)
    for tab in ("#tab-parts", "#tab-fitting", "#tab-saving"):
        page.click(tab)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#tab-fitting")
    page.evaluate("window.scrollTo(0, 500)")
    assert page.locator("#picture").bounding_box()["y"] > 0  # still in sight
    context.close()


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
