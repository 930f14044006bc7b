"""Preloaded by the process that worker processes are forked from; see ``batch.processes``.

Before it opens its first photo, Pillow imports some forty modules, one or more a format: 0.04 s on
one core of an Intel Xeon with AMX. Here it is done once for all workers.
"""

from __future__ import annotations

from PIL import Image

Image.init()
