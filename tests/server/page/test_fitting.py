"""Accessories and colors that somebody puts on on the page."""

from __future__ import annotations

import io

from PIL import Image

from tests.support.page_actions import (
    NEEDS_BROWSER,
    drop,
    drop_family,
    pixel,
    put_on,
    saved,
    wait_for_picture,
    wait_for_state,
)
from tests.support.service_process import two_people

pytestmark = NEEDS_BROWSER


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


def test_who_does_not_see_the_picture_is_told_that_it_changes(page, photos):
    drop_family(page, photos)
    page.click("#tab-fitting")
    page.evaluate(
        """() => {
          window.said = [];
          const state = document.getElementById("fitting-state");
          const note = () => {
            if (said.at(-1) !== state.textContent) said.push(state.textContent);
          };
          new MutationObserver(note).observe(state, { childList: true });
        }"""
    )
    put_on(page, "hat", "fedora")
    page.click("#undress")
    page.wait_for_selector("#undress", state="hidden")
    said = page.evaluate("() => window.said")
    assert said == ["Trying it on…", "The photo shows what is tried on.", ""]


BACKGROUND = "element => getComputedStyle(element).backgroundColor"


def test_a_theme_of_high_contrast_leaves_samples_their_colors(page, photos):
    page.emulate_media(forced_colors="active")
    drop_family(page, photos)
    assert page.eval_on_selector("label:has([value=Hair]) .swatch", BACKGROUND) == "rgb(255, 0, 0)"
    page.click("#tab-fitting")
    samples = page.locator("[data-kind=hair] button.color").all()
    assert len({sample.evaluate(BACKGROUND) for sample in samples}) == len(samples) > 9


def test_a_theme_of_high_contrast_shows_what_is_chosen(page, photos):
    page.emulate_media(forced_colors="active")
    drop_family(page, photos)
    page.click("#tab-fitting")
    chosen, other = page.locator("#tab-fitting"), page.locator("#tab-parts")
    assert chosen.evaluate(BACKGROUND) != other.evaluate(BACKGROUND)
    # Without this the browser puts a bar of the usual background behind the words.
    assert chosen.evaluate("element => getComputedStyle(element).forcedColorAdjust") == "none"


def test_who_cannot_wear_a_thing_is_told(page, photos):
    drop_family(page, photos)
    page.click("#tab-fitting")
    for kind, name in (("hat", "cap"), ("glasses", "round"), ("top", "#1f3a5f")):
        put_on(page, kind, name)
    page.click("#tab-saving")
    line = page.inner_text("#curl")
    assert line.startswith("curl -F image=@family.png -F hat=cap -F glasses=round -F 'top=#1f3a5f'")


def pick(page, kind, color):
    """Choose a color as the browser's own dialog tells it to the page."""
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


def test_two_photos_are_dressed_at_the_same_time(page, photos):
    drop_family(page, photos)
    drop(page, photos / "family.png")
    wait_for_state(page, "family-2", "done")
    page.click("#tab-fitting")
    held = []
    page.route("**/tryon?as=preview", lambda route: held.append(route))
    page.click("[data-kind=hat] [data-item=fedora]")
    page.wait_for_timeout(400)
    page.click(".card:has-text('family-2')")
    page.wait_for_selector("#viewer[data-photo='family-2.png']")
    page.wait_for_selector("#busy", state="hidden")  # nothing is made for this one
    page.click("[data-kind=hat] [data-item=cap]")
    page.wait_for_timeout(400)
    for route in held:
        route.continue_()
    wait_for_picture(page)
    page.click(".card:has-text('family.png')")
    page.wait_for_selector("#viewer[data-photo='family.png']")
    wait_for_picture(page)
    assert page.input_value("#mode") == "tryon"


def test_a_photo_of_nobody_says_so(page, tmp_path):
    Image.new("RGB", (300, 200), (90, 90, 90)).save(tmp_path / "wall.png")
    drop(page, tmp_path / "wall.png")
    wait_for_state(page, "wall", "done")
    page.click("#tab-fitting")
    assert page.inner_text("#fitting-notes") == "Nobody was found in this photo."


def test_own_pictures_and_colors_have_names_and_show_when_keys_reach_them(page, photos):
    drop_family(page, photos)
    page.click("#tab-fitting")
    page.keyboard.press("Tab")  # a browser shows the focus of keys only
    hats = page.get_by_role("group", name="Hat")
    for field in (
        hats.get_by_label("Your own"),
        page.locator("[data-kind=top]").get_by_label("Color", exact=True),
    ):
        field.focus()
        framed = field.locator("xpath=..")
        assert framed.evaluate("(item) => getComputedStyle(item).outlineStyle") == "solid"


def test_portraits_are_cut_from_the_photo_that_is_shown(page, photos):
    drop_family(page, photos)
    page.evaluate(
        """() => {
          const { prototype } = CanvasRenderingContext2D;
          const put = prototype.putImageData;
          window.copies = 0;
          prototype.putImageData = function (...all) { window.copies += 1; put.apply(this, all); };
        }"""
    )
    page.click("#language")  # all is listed anew
    portraits = page.locator("#wearers canvas").evaluate_all(
        "(all) => all.map((c) => c.toDataURL())"
    )
    assert page.evaluate("window.copies") == 0  # with a copy for each of 60 people the page stood
    assert len(portraits) >= 2
    assert len(set(portraits)) == len(portraits)
