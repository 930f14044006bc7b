"""``results/``: the JSON document."""

from __future__ import annotations

import json

from m2fp_cli.records.document import to_document
from m2fp_cli.render.outputs import ParsedPhoto


def encode(photo: ParsedPhoto, key: str) -> dict[str, bytes]:
    """The file of one photo, by its path in the folder."""
    document = to_document(photo.result, photo.provenance)
    text = json.dumps(document, separators=(",", ":"), sort_keys=True)
    return {f"{key}.json": text.encode("ascii") + b"\n"}
