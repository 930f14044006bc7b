"""m2fp: human parsing on ordinary CPUs.

>>> from m2fp_cli import HumanParser                   # doctest: +SKIP
>>> result = HumanParser("starter").parse(image_bgr)   # doctest: +SKIP
>>> reports = list(parse_folder("photos"))             # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from m2fp_cli.batch.folder import parse_folder
    from m2fp_cli.engine.parser import HumanParser
    from m2fp_cli.results import ParsingResult
    from m2fp_cli.store import load_result

__version__ = "0.1.0"

__all__ = ["HumanParser", "ParsingResult", "__version__", "load_result", "parse_folder"]

# Loaded on first use: importing the package must stay cheap, torch alone takes a second.
_HOMES = {
    "HumanParser": "m2fp_cli.engine.parser",
    "ParsingResult": "m2fp_cli.results",
    "load_result": "m2fp_cli.store",
    "parse_folder": "m2fp_cli.batch.folder",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its room."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
