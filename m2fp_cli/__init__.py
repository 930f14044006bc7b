"""m2fp: human parsing on ordinary CPUs.

>>> from m2fp_cli import HumanParser, colorize, try_on        # doctest: +SKIP
>>> result = HumanParser("starter").parse(image_bgr)          # doctest: +SKIP
>>> overlay = colorize(result, image_bgr)                     # doctest: +SKIP
>>> done = try_on(image_bgr, result, {"hat": "fedora"})       # doctest: +SKIP
>>> reports = list(parse_folder("photos", model="starter"))   # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from m2fp_cli.version import __version__

if TYPE_CHECKING:
    from m2fp_cli.batch.run_options import RunOptions
    from m2fp_cli.batch.walk import ScanRules
    from m2fp_cli.engine.parser import HumanParser
    from m2fp_cli.jobs.folder import parse_folder
    from m2fp_cli.jobs.parse import ParseSettings
    from m2fp_cli.records.document import load_result
    from m2fp_cli.records.results import ParsingResult
    from m2fp_cli.render.colorize import colorize
    from m2fp_cli.tryon.fitting import TryOn, try_on

__all__ = [
    "HumanParser",
    "ParseSettings",
    "ParsingResult",
    "RunOptions",
    "ScanRules",
    "TryOn",
    "__version__",
    "colorize",
    "load_result",
    "parse_folder",
    "try_on",
]

# Loaded on first use: importing the package must stay cheap, torch alone takes a second.
_HOMES = {
    "HumanParser": "m2fp_cli.engine.parser",
    "ParseSettings": "m2fp_cli.jobs.parse",
    "ParsingResult": "m2fp_cli.records.results",
    "RunOptions": "m2fp_cli.batch.run",
    "ScanRules": "m2fp_cli.batch.walk",
    "TryOn": "m2fp_cli.tryon.fitting",
    "colorize": "m2fp_cli.render.colorize",
    "load_result": "m2fp_cli.records.document",
    "parse_folder": "m2fp_cli.jobs.folder",
    "try_on": "m2fp_cli.tryon.fitting",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its room."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
