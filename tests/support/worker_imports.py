"""Imported by the fork servers of the tests: what workers would import themselves, each anew.

It takes a worker 0.1 to 0.3 s, more than its work on a small photo. Nothing here imports torch.
"""

from __future__ import annotations

import importlib
import pkgutil

import cv2  # noqa: F401
import pytest  # noqa: F401 - jobs that a test's own file defines bring it
from PIL import Image

import m2fp_cli
import tests.support.scripted  # noqa: F401

_ROOMS = ("agnostic", "exports", "imaging", "jobs", "records", "render", "tryon")

for _room in _ROOMS:
    for _module in pkgutil.walk_packages([f"{m2fp_cli.__path__[0]}/{_room}"], f"m2fp_cli.{_room}."):
        importlib.import_module(_module.name)
Image.init()  # Pillow's plugins
