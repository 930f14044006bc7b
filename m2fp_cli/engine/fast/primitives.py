"""What oneDNN, torch's library for convolutions, keeps for each size of photo that it has seen."""

from __future__ import annotations

import os

from m2fp_cli.batch.processes import PRIMITIVE_CACHES


def bound_primitive_caches() -> None:
    """Bound them in this process and those that it starts as in worker processes.

    oneDNN's own bound is 1024 compiled layers. The starter on 150 photos of as many sizes: 998 MiB
    and growing, with the bound of workers 741 and level. Call it before the process' first
    convolution; later it changes nothing. What the user has set stays.
    """
    for variable, most in PRIMITIVE_CACHES.items():
        os.environ.setdefault(variable, most)
