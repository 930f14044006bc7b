"""What the document of the API says, where no request can show it."""

from __future__ import annotations

from m2fp_cli.server.documentation import render_documentation
from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.openapi import describe_api
from m2fp_cli.server.receiving import PHOTO_FIELDS


def form_of(path):
    operation = describe_api(ServiceLimits())["paths"][path]["post"]
    return operation["requestBody"]["content"]["multipart/form-data"]["schema"]


def test_it_says_under_which_names_a_form_sends_the_photo():
    assert PHOTO_FIELDS == ("image", "file")
    for path in ("/parse", "/tryon"):
        assert set(PHOTO_FIELDS) <= set(form_of(path)["properties"])
    one_of_them = [{"required": ["image"]}, {"required": ["file"]}]
    assert form_of("/parse")["oneOf"] == one_of_them
    assert "required" not in form_of("/parse")


def test_it_says_that_a_tryon_takes_one_photo():
    assert form_of("/tryon")["not"] == {"required": list(PHOTO_FIELDS)}


def test_a_form_of_a_tryon_takes_all_that_its_address_takes():
    operation = describe_api(ServiceLimits())["paths"]["/tryon"]["post"]
    assert {one["name"] for one in operation["parameters"]} <= set(form_of("/tryon")["properties"])


def test_it_says_what_takes_a_color():
    described = describe_api(ServiceLimits())["paths"]["/tryon"]["post"]["description"]
    assert "a color for hair, top, bottom, shoes, or an uploaded picture" in described


def test_for_people_code_is_code_and_markup_is_text():
    description = describe_api(ServiceLimits())
    description["paths"]["/parse"]["post"]["description"] = "Choose `as`, `<b>` or <i>."
    page = render_documentation(description)
    assert "Choose <code>as</code>, <code>&lt;b&gt;</code> or &lt;i&gt;." in page
    assert "`" not in page


def test_it_promises_no_format_that_a_plain_installation_cannot_read():
    photo = form_of("/parse")["properties"]["image"]["description"]
    assert "HEIC where pillow-heif is installed" in photo
