"""Words on the page: two languages, and names of photos."""

from __future__ import annotations

import re
import shlex

from tests.support.page_actions import (
    NEEDS_BROWSER,
    drop,
    drop_family,
    open_page,
)

pytestmark = NEEDS_BROWSER


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


def test_a_name_that_is_read_from_the_right_keeps_its_beginning(page, tmp_path):
    names = ("\u05e9\u05dc\u05d5\u05dd 1.jpg", "shalom 2.jpg")
    for name in names:
        (tmp_path / name).write_bytes(b"")
    drop(page, *(tmp_path / name for name in names))
    page.wait_for_selector(".card[data-state=failed] >> nth=1")
    ways = "all => all.map((one) => getComputedStyle(one).direction)"
    assert page.eval_on_selector_all(".card .name", ways) == ["rtl", "ltr"]


def test_it_speaks_chinese(page, photos):
    drop_family(page, photos)
    page.click("#language")
    assert page.inner_text("#tab-fitting") == "试穿"
    assert "脸" in page.inner_text("#switches")
    assert page.get_attribute("[data-item=fedora]", "title") == "礼帽"
    assert re.fullmatch(r"\d 人", page.inner_text(".card .state"))
    page.reload()
    page.wait_for_selector("body[data-known]")
    assert page.evaluate("document.documentElement.lang") == "zh-CN"


def test_a_phone_is_not_told_to_drop_photos(browser, service):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    phone = context.new_page()
    open_page(phone, service)
    words = phone.inner_text(".drop")
    context.close()
    assert "Choose photos" in words
    assert "Drop" not in words


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
