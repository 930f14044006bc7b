"""``/docs``: the API's description for people, made from ``/openapi.json``; needs no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from markupsafe import Markup


def render_documentation(description: dict[str, Any]) -> str:
    """The page.

    Args:
        description: the OpenAPI document.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("m2fp_cli.server", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["marked"] = _mark
    operations = [
        {"method": method.upper(), "path": path, **operation}
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
    ]
    template = environment.get_template("docs.html.j2")
    return template.render(
        info=description["info"],
        operations=operations,
        responses=description["components"]["responses"],
        examples=EXAMPLES,
    )


def _mark(text: str) -> Markup:
    """What stands between backticks as code: descriptions are Markdown, as OpenAPI has it."""
    from markupsafe import Markup

    pieces = text.split("`")
    pieces[1::2] = [Markup("<code>{}</code>").format(piece) for piece in pieces[1::2]]
    return Markup("").join(pieces)


EXAMPLES = (
    (
        "Color map of a photo",
        "curl -F image=@photo.jpg 'HOST/parse' -H 'Accept: image/jpeg' -o parts.jpg",
    ),
    ("Result as JSON", "curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' 'HOST/parse'"),
    (
        "Hair and face alone, on nothing",
        "curl -F image=@photo.jpg 'HOST/parse?as=cutout&labels=hair,face' -o head.png",
    ),
    ("Everything in one archive", "curl -F image=@photo.jpg 'HOST/parse?as=zip' -o parts.zip"),
    ("Hats for everybody", "curl -F image=@photo.jpg -F hat=fedora 'HOST/tryon' -o hats.jpg"),
    (
        "Glasses of your own, for the largest person",
        "curl -F image=@photo.jpg -F glasses=@mine.png -F people=largest 'HOST/tryon' -o out.jpg",
    ),
)
"""What people do first, as lines for a terminal; ``HOST`` is the address of the service."""
