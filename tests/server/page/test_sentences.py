"""What the service says to people, on the page in Chinese."""

from __future__ import annotations

import re

from m2fp_cli.tryon.garment_outline import NO_SLEEVES
from tests.support.page_actions import (
    NEEDS_BROWSER,
    drop,
    drop_family,
    put_on,
    wait_for_state,
)

pytestmark = NEEDS_BROWSER


def test_a_refused_photo_says_why_in_the_language_that_is_on(page, photos):
    drop(page, photos / "broken.jpg")
    wait_for_state(page, "broken", "failed")
    english = page.inner_text("#message")
    page.click("#language")
    assert english.startswith("the photo is")
    assert page.inner_text("#message") == "图片已损坏，请重新复制或导出。"
    page.click("#language")
    assert page.inner_text("#message") == english


def test_why_a_picture_cannot_be_worn_is_said_in_chinese(page, photos):
    drop_family(page, photos)
    page.click("#language")
    page.click("#tab-fitting")
    page.set_input_files("[data-own=hat] input", photos / "family.png")
    page.wait_for_selector("#fitting-notes li")
    assert page.inner_text("#fitting-notes li") == "帽子的图片没有透明背景，请抠图后存为 PNG。"


def test_who_cannot_wear_what_is_said_in_chinese(page, photos):
    drop_family(page, photos)
    page.click("#language")
    page.click("#tab-fitting")
    put_on(page, "shoes", "#1f3a5f")
    lines = page.inner_text("#fitting-notes").splitlines()
    assert lines
    assert all(re.fullmatch(r"人物 \d，鞋子：[\u4e00-\u9fff]+", line) for line in lines)


def test_sentences_with_numbers_and_several_reasons_are_chinese(page):
    said = page.evaluate(
        """async (sentences) => {
          const { inChinese } = await import('/page/sentences.js');
          return sentences.map(([english, code]) => inChinese(english, code, () => '上衣'));
        }""",
        [
            ["the ear is hidden by hair; the ear is on the far side", ""],
            ["the photo has more than the 50 megapixels taken here; make it smaller", "too_large"],
            ["top: shows one thing on a plain ground, which cannot be worn as a garment: "
             f"{NO_SLEEVES}; if it is a fabric, crop it to the cloth", "bad_parameter"],
            ["people: the photo has no person 9; ids are 1", "bad_parameter"],
        ],
    )  # fmt: skip
    assert said == [
        "耳朵被头发遮住；耳朵在看不见的一侧",
        "照片超过 5000 万像素，请缩小。",
        "上衣的图片是一件商品，不能当作衣服穿：看不到从肩部垂下的袖子；如果图片上下颠倒，请转正。如果是布料，请只裁出布料部分。",
        "服务无法处理这个请求。",
    ]
