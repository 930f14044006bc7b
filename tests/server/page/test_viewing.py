"""Photos on the page: dropped, seen, saved, reached by keys, and shown on a phone."""

from __future__ import annotations

import io
import json
import re
import zipfile

import pytest
from PIL import Image

from tests.support.page_actions import (
    LOW_WINDOWS,
    NEEDS_BROWSER,
    PATIENCE,
    drop,
    drop_family,
    face_of,
    open_page,
    pixel,
    saved,
    squeeze,
    wait_for_state,
)

pytestmark = NEEDS_BROWSER


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


def test_why_a_photo_failed_stays_to_be_read_while_others_are_done(page, photos):
    held = []
    drop(page, photos / "broken.jpg")
    wait_for_state(page, "broken", "failed")
    page.route("**/parse?as=preview", lambda route: held.append(route))
    drop(page, photos / "family.png")
    wait_for_state(page, "family", "uploading")
    page.click(".card:has-text('broken')")
    held[0].continue_()
    wait_for_state(page, "family", "done")
    assert page.get_attribute("#viewer", "data-photo") == "broken.jpg"
    assert "truncated" in page.inner_text("#message")


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


def test_what_the_service_forgot_before_a_reload_is_named(page, photos, service):
    drop_family(page, photos)
    (known,) = json.loads(page.evaluate("() => sessionStorage.getItem('m2fp.photos')"))
    assert service.ask("DELETE", f"/results/{known['id']}").status == 204
    page.reload()
    page.wait_for_selector("#toast:not([hidden])")
    said = "The service does not keep family.png any more; add it again."
    assert page.inner_text("#toast") == said
    assert page.is_visible("#welcome")
    page.keyboard.press("Shift")  # it stays until somebody is there
    page.wait_for_selector("#toast", state="hidden")


def test_a_browser_that_lets_nothing_be_kept_shows_photos_all_the_same(page, photos, service):
    page.context.add_init_script(
        """for (const place of ["localStorage", "sessionStorage"]) {
          const refuse = () => { throw new DOMException("denied", "SecurityError"); };
          Object.defineProperty(window, place, { get: refuse });
        }"""
    )
    open_page(page, service)
    drop_family(page, photos)
    page.click("#language")
    assert page.inner_text("#tab-parts") == "部位"


def test_downloads(page, photos):
    drop_family(page, photos)
    drop(page, photos / "family.png")
    wait_for_state(page, "family-2", "done")
    page.click("#tab-saving")
    assert json.loads(saved(page, "[data-view=json]"))["source"].startswith("family")
    page.click(".card:has-text('family-2')")
    page.wait_for_selector("#viewer[data-photo='family-2.png'] #picture:not([hidden])")
    curl = page.inner_text("#curl")  # the file has the name that it has on the disk
    assert curl.startswith("curl -F image=@family.png ")
    assert curl.endswith(" -o family-2-overlay.jpg")
    assert Image.open(io.BytesIO(saved(page, "[data-view=labels]"))).mode == "P"
    one = zipfile.ZipFile(io.BytesIO(saved(page, "[data-view=zip]")))
    assert one.testzip() is None
    both = zipfile.ZipFile(io.BytesIO(saved(page, "#save-all")))
    assert both.testzip() is None
    assert {"labels/family.png", "labels/family-2.png"} <= set(both.namelist())
    assert len(both.namelist()) == 2 * len(one.namelist())


def test_what_is_saved_with_all_labels_off_shows_none(page, photos):
    drop_family(page, photos)
    for switch in page.locator("#switches label").all():
        switch.click()
    page.click("#tab-saving")
    assert Image.open(io.BytesIO(saved(page, "[data-view=labels]"))).getextrema() == (0, 0)
    assert "labels=Background" in page.inner_text("#curl")


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


def test_the_focus_goes_along_from_card_to_card(page, photos):
    drop_family(page, photos)
    drop(page, photos / "broken.jpg")
    wait_for_state(page, "broken", "failed")
    on_card = "document.activeElement.querySelector('.name')?.textContent"
    page.focus(".card:has-text('family')")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(on_card) == "broken.jpg"
    page.focus("#language")
    page.keyboard.press("ArrowLeft")  # from elsewhere it stays where it is
    assert page.evaluate("document.activeElement.id") == "language"


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


def test_on_a_phone_the_name_of_what_failed_is_seen(page, photos):
    page.set_viewport_size({"width": 390, "height": 844})
    drop(page, photos / "broken.jpg")
    wait_for_state(page, "broken", "failed")
    shown = "getComputedStyle(document.getElementById('message'), '::before').content"
    assert page.evaluate(shown) == '"broken.jpg"'


def test_on_a_narrow_phone_nothing_is_cut_and_all_has_a_name(page, photos):
    page.set_viewport_size({"width": 320, "height": 640})
    drop_family(page, photos)
    assert page.get_by_role("slider", name="Opacity").count() == 1
    assert page.get_by_role("combobox", name="Colors").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_a_photo_keeps_its_shape_in_a_low_window(page, photos):
    drop_family(page, photos)
    for width, height in LOW_WINDOWS:
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(200)  # the window tells of its new size in its next frame
        assert squeeze(page) == pytest.approx(1, abs=0.03)
        picture, controls = (
            page.locator(f"#{one}").bounding_box() for one in ("picture", "controls")
        )
        assert picture["y"] + picture["height"] <= controls["y"]


def test_on_a_phone_on_its_side_most_of_the_window_is_for_the_drawer(page, photos):
    page.set_viewport_size({"width": 667, "height": 375})
    drop_family(page, photos)
    page.click("#tab-fitting")
    page.evaluate("window.scrollTo(0, 700)")
    tabs = page.locator(".tabs").bounding_box()
    assert tabs["y"] + tabs["height"] < 120


def test_the_methods_on_the_page_of_the_api_are_readable_in_the_dark(browser, service):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(service.address + "/docs")
    color = "element => getComputedStyle(element).color"
    for method in ("post", "delete"):  # their green and red are the same in both schemes
        assert page.eval_on_selector(f".method.{method}", color) == "rgb(255, 255, 255)"
    context.close()


def test_two_names_never_become_one_in_the_archive(page, photos, tmp_path):
    long = "a long name of a product " * 4  # the service ends it before "front" and "back"
    names = ("family (1)", "Family 1", f"{long}front", f"{long}back", '5"', "522", "5%22")
    paths = [tmp_path / f"{name}.png" for name in names]
    for path in paths:
        path.write_bytes((photos / "family.png").read_bytes())
    drop(page, *paths)
    page.wait_for_selector(".card[data-state=done] >> nth=6")
    page.click("#tab-saving")
    archive = zipfile.ZipFile(io.BytesIO(saved(page, "#save-all")))
    labels = [name.lower() for name in archive.namelist() if name.startswith("labels/")]
    assert len(set(labels)) == 7


def test_what_cannot_be_saved_is_named_and_the_rest_is_saved(page, photos):
    drop_family(page, photos)
    page.reload()  # now it has no files to send again
    wait_for_state(page, "family", "done")
    drop(page, photos / "family.png")
    wait_for_state(page, "family-2", "done")
    page.click("#tab-saving")
    first = page.evaluate("JSON.parse(sessionStorage.getItem('m2fp.photos'))[0].id")
    page.evaluate("(id) => fetch(`/results/${id}`, { method: 'DELETE' })", first)
    archive = zipfile.ZipFile(io.BytesIO(saved(page, "#save-all")))
    assert "labels/family-2.png" in archive.namelist()
    assert page.inner_text("#toast").startswith("Not saved: family.png. The service does not keep")


def test_an_archive_says_which_photos_are_not_in_it(page, photos):
    drop(page, photos / "broken.jpg", photos / "family.png")
    wait_for_state(page, "family", "done")
    wait_for_state(page, "broken", "failed")
    page.click(".card:has-text('family')")
    page.click("#tab-saving")
    assert zipfile.ZipFile(io.BytesIO(saved(page, "#save-all"))).testzip() is None
    assert page.inner_text("#toast").startswith("Saved 1 of 2 photos; the others failed")
    page.wait_for_timeout(4500)  # what is not all right stays until it was seen
    assert page.is_visible("#toast")
    page.click("#tab-parts")
    assert page.is_hidden("#toast")


def test_an_archive_ends_before_its_numbers_do(page):
    fitting = page.evaluate(
        """async () => {
          const { fits } = await import('/page/archive.js');
          const end = new DataView(new ArrayBuffer(22)); // of a zip file with 40,000 entries
          end.setUint32(0, 0x06054b50, true);
          end.setUint16(10, 40_000, true);
          const large = { byteLength: 2 ** 30 };
          return [fits([], end.buffer), fits([end.buffer], end.buffer), fits([], large)];
        }"""
    )
    assert fitting == [True, False, True]


def test_files_that_were_not_sent_are_not_lost_without_a_question(page, photos):
    asked = []

    def go_on(dialog):
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", go_on)
    page.route("**/parse?as=preview", lambda route: None)  # it takes its time
    page.click("#language")  # a browser asks only who has touched the page
    drop(page, photos / "family.png")
    page.wait_for_selector(".card")
    page.reload()
    assert asked == ["beforeunload"]
