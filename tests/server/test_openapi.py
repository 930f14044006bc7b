"""What the document of the API says, where no request can show it."""

from __future__ import annotations

from m2fp_cli.server.limits import ServiceLimits
from m2fp_cli.server.openapi import describe_api


def test_it_says_what_takes_a_color():
    described = describe_api(ServiceLimits())["paths"]["/tryon"]["post"]["description"]
    assert "a color for hair, top, bottom, shoes, or an uploaded picture" in described
