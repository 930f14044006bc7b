"""What the document of the API says, where no request can show it."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

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
    for one in ({"image": ""}, {"file": ""}):
        jsonschema.validate(one, form_of("/parse"))
    for wrong in ({}, {"image": "", "file": ""}, {"labels": "hair"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, form_of("/parse"))


def test_it_says_that_a_tryon_takes_one_photo():
    assert form_of("/tryon")["not"] == {"required": list(PHOTO_FIELDS)}


def test_a_form_of_a_tryon_takes_all_that_its_address_takes():
    operation = describe_api(ServiceLimits())["paths"]["/tryon"]["post"]
    assert {one["name"] for one in operation["parameters"]} <= set(form_of("/tryon")["properties"])


def test_clients_made_from_it_have_a_form_with_fields():
    for path in ("/parse", "/tryon"):
        assert not {"oneOf", "anyOf", "allOf"} & set(form_of(path))


def test_clients_made_from_it_send_nothing_that_nobody_gave():
    operation = describe_api(ServiceLimits())["paths"]["/tryon"]["post"]
    fields = form_of("/tryon")["properties"]
    given = [*(one["schema"] for one in operation["parameters"]), *fields.values()]
    assert [one for one in given if "default" in one] == []


def test_clients_made_from_it_find_every_schema_that_it_refers_to():
    description = describe_api(ServiceLimits())
    named = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(description))
    assert "components/schemas/ResultPerson" in named
    for one in named:
        first, kind, name = one.split("/")  # and nothing below a name
        assert name in description[first][kind]


def test_it_says_that_a_picture_to_wear_may_be_a_file():
    binary = {"type": "string", "format": "binary"}
    assert form_of("/tryon")["properties"]["hat"]["anyOf"] == [{"type": "string"}, binary]


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
