"""The report's page as a browser sees it, and previews of drawn photos."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from m2fp_cli.imaging.codec import read_image
from m2fp_cli.jobs.earlier import find_parsed
from m2fp_cli.render.maps import read_result_maps
from m2fp_cli.render.previews import make_preview
from m2fp_cli.storage.tree import OutputTree


class Page(HTMLParser):
    """Scripts by their id, and every attribute that could load something."""

    def __init__(self, text):
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.addresses: list[str] = []
        self._script: str | None = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.addresses += [v for k, v in attrs if k in ("src", "href", "action", "data") and v]
        self._script = values.get("id", "") if tag == "script" else None

    def handle_data(self, data):
        if self._script is not None:
            self.scripts[self._script] = self.scripts.get(self._script, "") + data

    @property
    def index(self):
        return json.loads(self.scripts["index"])


def preview_of(output, key="a", side=64):
    task = next(task for task in find_parsed(output).tasks if task.key == key)
    tree = OutputTree(output)
    photo = read_image(task.source).image_bgr if task.source.is_file() else None
    return make_preview(tree, key, photo, read_result_maps(tree, key), side=side)
