"""The report in a real browser: headless Chromium, driven by playwright; skipped without them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from PIL import Image

from m2fp_cli.imaging.codec import read_image
from m2fp_cli.jobs.earlier import find_parsed
from m2fp_cli.jobs.report_page import parse_facts
from m2fp_cli.render.maps import read_result_maps
from m2fp_cli.render.previews import make_preview
from m2fp_cli.render.report import PageBuilder, ParseFacts
from m2fp_cli.storage.tree import OutputTree
from tests.support.chromium import CHROMIUM, WHY_NOT, chromium
from tests.support.outputs import history_of
from tests.support.page_actions import LOW_WINDOWS, pixel, squeeze
from tests.support.parsed_tree import FACE, make_tree

sync_api = pytest.importorskip("playwright.sync_api")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page of twelve photos, one with a composite, one without its photo, and two failures."""
    root = tmp_path_factory.mktemp("report")
    keys = tuple(f"p{number:02d}" for number in range(12))
    photos, output = make_tree(root, keys, failed=("broken", "torn"), hw=(240, 320))
    (photos / "p11.png").unlink()
    (output / "tryon").mkdir()
    Image.new("RGB", (320, 240), (200, 30, 30)).save(output / "tryon" / "p01.png")
    history = history_of(output)
    builder = PageBuilder("twelve")
    for task in find_parsed(output).tasks:
        tree = OutputTree(output)
        photo = read_image(task.source).image_bgr if task.source.is_file() else None
        maps = read_result_maps(tree, task.key)
        preview = make_preview(tree, task.key, photo, maps, side=320)
        builder.add_photo(task.key, preview, history.entries[task.key].report.seconds.total)
    for key in ("broken", "torn"):
        builder.add_failure(key, "corrupt", "is cut short")
    path = root / "report.html"
    path.write_text(builder.render(parse_facts(history), left_out=0), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with chromium(sync_api) as started:
        yield started


@pytest.fixture
def page(browser, page_file):
    """The open page; fails if it wrote an error to the console or asked for anything."""
    complaints = []
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on(
        "request",
        lambda asked: (
            None if asked.url.startswith(("file:", "data:")) else complaints.append(asked.url)
        ),
    )
    page.goto(page_file.as_uri())
    page.wait_for_selector("body[data-ready]")
    yield page
    page.close()
    assert complaints == []


def open_photo(page, name):
    page.click(f".card:has-text('{name}')")
    page.wait_for_selector(f"#viewer[data-photo='{name}']")


def shown_names(page):
    return page.locator(".card .name").all_text_contents()


def focused(page):
    return page.evaluate("document.activeElement.querySelector?.('.name')?.textContent")


def test_a_theme_of_high_contrast_leaves_the_colors_of_labels(page):
    page.emulate_media(forced_colors="active")
    color = "element => getComputedStyle(element).backgroundColor"
    swatches = page.locator("fieldset .swatch").all()
    assert len({one.evaluate(color) for one in swatches}) == len(swatches) > 1


def test_gallery_shows_every_photo_and_loads_thumbnails(page):
    assert len(shown_names(page)) == 14
    page.locator(".card img").first.evaluate("image => image.decode()")
    assert page.inner_text("#count") == "14 photos"


def test_overlay_is_painted_from_the_label_map(page):
    open_photo(page, "p00")
    face, background = (0.3, 0.27), (0.05, 0.5)
    assert pixel(page, "above", *background) == pixel(page, "below", *background)
    page.fill("#opacity", "100")
    assert pixel(page, "above", *face) == [0, 255, 0]
    page.select_option("#mode", "person")
    assert pixel(page, "above", *face) != [0, 255, 0]


def test_slider_moves_the_border_of_photo_and_overlay(page):
    open_photo(page, "p00")
    page.fill("#slider", "25")
    assert page.evaluate("document.getElementById('above').style.clipPath").endswith("25%)")
    box = page.locator("#picture").bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 5)
    assert abs(int(page.input_value("#slider")) - 75) <= 1


def test_pointing_tells_label_person_and_score(page):
    open_photo(page, "p00")
    box = page.locator("#picture").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.27)
    assert page.inner_text("#tip") == f"Face {FACE / 100:.2f} · person 1 0.80"
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.15)
    assert page.inner_text("#tip") == "Hair 0.02 · person 2 0.70"
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    assert page.inner_text("#tip") == "Background"


def test_filters_by_name_state_people_and_label(page):
    page.fill("#filter-name", "P03")
    assert shown_names(page) == ["p03"]
    page.click("button[type=reset]")
    # No wait_for_function: from its second look on it needs eval, which the page's policy forbids.
    page.locator(".card").nth(13).wait_for()
    assert len(shown_names(page)) == 14
    page.select_option("#filter-state", "failed")
    assert shown_names(page) == ["broken", "torn"]
    page.select_option("#filter-state", "done")
    page.select_option("#filter-people", "1")
    assert shown_names(page) == []
    page.select_option("#filter-people", "2")
    page.check("#filter-labels input[value=Face]")
    assert len(shown_names(page)) == 12
    assert page.inner_text("#count") == "12 of 14 photos"


def test_a_name_as_macos_writes_it_is_found(browser, tmp_path):
    builder = PageBuilder("two")
    for key in ("mu\u0308tze", "hat"):
        builder.add_failure(key, "corrupt", "is cut short")
    path = tmp_path / "report.html"
    path.write_text(builder.render(ParseFacts(), left_out=0), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.fill("#filter-name", "M\u00fctz")
    assert shown_names(page) == ["mu\u0308tze"]
    page.close()


def test_photos_whose_names_look_the_same_are_walked_through(browser, tmp_path):
    builder = PageBuilder("three")
    for key in ("caf\udce8", "caf\udce9", "hat"):
        builder.add_failure(key, "corrupt", "is cut short")
    path = tmp_path / "report.html"
    path.write_text(builder.render(ParseFacts(), left_out=0), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.click(".card")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#viewer-name") == "hat"
    page.close()


def test_a_photo_keeps_its_shape_in_a_low_window(page):
    for width, height in LOW_WINDOWS:
        page.set_viewport_size({"width": width, "height": height})
        open_photo(page, "p00")
        assert squeeze(page) == pytest.approx(1, abs=0.03)
        page.keyboard.press("Escape")


def test_photos_that_were_not_scrolled_to_are_printed(page):
    page.set_viewport_size({"width": 320, "height": 200})
    page.reload()
    page.wait_for_selector("body[data-ready]")
    missing = ".card:not(.failed) img:not([src])"
    assert page.locator(missing).count() > 0
    page.pdf()
    assert page.locator(missing).count() == 0


def test_the_earlier_result_of_a_photo_that_failed_is_shown_with_the_failure(browser, page_file):
    page = browser.new_page()
    text = page_file.read_text().replace(
        '"seconds":0.22', '"reason":"timeout","message":"too long"'
    )
    page.set_content(text)
    page.wait_for_selector("body[data-ready]")
    page.select_option("#filter-state", "failed")
    assert shown_names(page)[0] == "p00"
    page.locator(".card.failed img").evaluate("image => image.decode()")
    open_photo(page, "p00")
    assert page.inner_text("#probe").startswith("Failed (timeout): too long (shown as an earlier")
    assert pixel(page, "below", 0.5, 0.5) != [0, 0, 0]
    page.close()


def test_slowest_first(page):
    page.select_option("#order", "seconds")
    assert shown_names(page)[:2] == ["p11", "p10"]


def test_failures_are_listed_with_reasons(page):
    page.click(".failures summary")
    assert "is cut short" in page.inner_text(".failures table")
    open_photo(page, "torn")
    assert page.inner_text("#probe") == "Failed (corrupt): is cut short"


def test_parts_can_be_looked_at_alone(page):
    open_photo(page, "p00")
    page.fill("#opacity", "100")
    page.click("#people section:first-child >> text=Hair")
    assert pixel(page, "above", 0.3, 0.15) == [255, 0, 0]
    assert pixel(page, "above", 0.3, 0.27) == pixel(page, "below", 0.3, 0.27)
    page.click("#people section:first-child >> text=Hair")
    assert pixel(page, "above", 0.3, 0.27) == [0, 255, 0]


def test_composite_and_missing_photo(page):
    open_photo(page, "p01")
    page.select_option("#mode", "tryon")
    red = pixel(page, "above", 0.5, 0.5)
    assert red[0] > 180
    assert max(red[1:]) < 50
    page.keyboard.press("Escape")
    page.wait_for_selector(".card:focus:has-text('p01')")
    open_photo(page, "p11")
    assert page.locator("#mode option[value=tryon]").is_disabled()
    assert "was not there" in page.inner_text("#people")


def test_keyboard_walks_gallery_and_viewer(page):
    page.focus(".card")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "p01"
    page.keyboard.press("ArrowDown")
    down = focused(page)
    assert down not in ("p00", "p01", "p02")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer[data-photo=p00]")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#viewer[data-photo=p01]")
    page.keyboard.press("o")
    assert page.input_value("#slider") == "100"
    page.focus("#picture")
    page.keyboard.press("ArrowDown")
    assert page.inner_text("#probe") == "Background"
    page.keyboard.press("Escape")
    # a dialog tells that it was closed in a later task; until then the card before it has the focus
    page.wait_for_selector(".card:focus:has-text('p01')")
    assert not page.locator("#viewer").is_visible()


def test_tab_reaches_filters_and_photos(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"filter-name", "filter-people", "order", "card"} <= seen


@pytest.mark.slow
def test_a_thousand_photos_open_in_three_seconds(browser, tmp_path):
    _, output = make_tree(tmp_path, ("a",), hw=(480, 640))
    task = find_parsed(output).tasks[0]
    tree, photo = OutputTree(output), read_image(task.source).image_bgr
    preview = make_preview(tree, "a", photo, read_result_maps(tree, "a"), side=640)
    heavy = replace(preview, photo=preview.photo + "A" * 4 * (40_000 // 4))  # as large as a photo's
    builder = PageBuilder("thousand")
    for number in range(1000):
        builder.add_photo(f"p{number:04d}", heavy, None)
    path = tmp_path / "report.html"
    path.write_text(builder.render(ParseFacts(), left_out=0), encoding="utf-8")
    assert path.stat().st_size > 40e6
    assert min(seconds_to_open(browser, path) for _ in range(3)) < 3


def seconds_to_open(browser, path):
    """CPU seconds until all cards are there and the first thumbnail is shown.

    The browser's own clock of its main thread, so that other work on the machine counts little.
    """
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.goto(path.as_uri(), wait_until="commit")
    page.wait_for_selector("body[data-ready]")
    while page.evaluate("document.querySelector('.card img').naturalWidth") == 0:
        time.sleep(0.02)
    metrics = session.send("Performance.getMetrics")["metrics"]
    assert page.locator(".card").count() == 1000
    page.close()
    return next(one["value"] for one in metrics if one["name"] == "ThreadTime")
