"""What a person does on the page of the service, and what is then seen there."""

from __future__ import annotations

import io
import re
from base64 import b64encode

import numpy as np
import pytest
from PIL import Image

from tests.support.chromium import CHROMIUM, WHY_NOT

PATIENCE = 120_000  # milliseconds; a first parse on a busy machine
NEEDS_BROWSER = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason=WHY_NOT)]


def is_complaint(said):
    refused = re.search(r"status of (4\d\d|503)|ERR_CONNECTION_REFUSED", said.text)
    return said.type == "error" and not refused


def is_foreign(url):
    return not url.startswith(("http://127.0.0.1:", "blob:", "data:"))


def open_page(page, service):
    page.goto(service.address + "/")
    page.wait_for_selector("body[data-known]")


def drop(page, *paths):
    """Drop files onto the page, as a person does."""
    files = [[path.name, b64encode(path.read_bytes()).decode()] for path in paths]
    transfer = page.evaluate_handle(
        """(files) => {
          const transfer = new DataTransfer();
          for (const [name, text] of files) {
            const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
            transfer.items.add(new File([bytes], name));
          }
          return transfer;
        }""",
        files,
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})


def wait_for_state(page, name, state):
    page.wait_for_selector(f".card[data-state={state}]:has-text('{name}')")


def drop_family(page, photos):
    drop(page, photos / "family.png")
    wait_for_state(page, "family", "done")
    page.wait_for_selector("#viewer[data-photo='family.png'] #picture:not([hidden])")


def pixel(page, canvas, x, y):
    """Color of a canvas at a share of its width and height."""
    return page.evaluate(
        """([id, x, y]) => {
          const c = document.getElementById(id);
          const at = [Math.floor(x * c.width), Math.floor(y * c.height), 1, 1];
          return [...c.getContext('2d').getImageData(...at).data].slice(0, 3);
        }""",
        [canvas, x, y],
    )


LOW_WINDOWS = ((375, 460), (640, 430), (667, 375), (320, 256), (844, 340))


def squeeze(page):
    """How much wider than it is the photo is shown."""
    return page.evaluate(
        """() => {
          const [shown, whole] = ['picture', 'below'].map((id) => document.getElementById(id));
          const box = shown.getBoundingClientRect();
          return box.width / box.height * whole.height / whole.width;
        }"""
    )


def face_of(service, path):
    """A place in the middle of somebody's face, as shares of width and height."""
    headers = {"Content-Type": "image/png", "Accept": "image/png"}
    reply = service.ask("POST", "/parse?labels=face", path.read_bytes(), headers)
    ids = np.asarray(Image.open(io.BytesIO(reply.body)))
    rows, columns = np.nonzero(ids)
    middle = len(rows) // 2
    return columns[middle] / ids.shape[1], rows[middle] / ids.shape[0]


def put_on(page, kind, name):
    page.click(f"[data-kind={kind}] [data-item='{name}']")
    page.wait_for_selector(f"[data-kind={kind}] [data-item='{name}'][aria-pressed=true]")
    wait_for_picture(page)


def wait_for_picture(page):
    page.wait_for_selector("#mode option[value=tryon]:not([disabled])", state="attached")
    page.wait_for_timeout(400)  # the request begins a moment after the last click
    page.wait_for_selector("#busy", state="hidden")


def saved(page, selector):
    with page.expect_download() as waiting:
        page.click(selector)
    return waiting.value.path().read_bytes()
