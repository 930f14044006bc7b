"""What other programs want of a parse, in exactly their form: one module a format.

A format has a line in ``layout.OUTPUT_FOLDERS`` and a module of its name here with ``FORMAT``;
nothing else needs to know of it. ``format.Format`` says what a format is.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from m2fp_cli.errors import UsageError
from m2fp_cli.layout import EXPORTS

if TYPE_CHECKING:
    from m2fp_cli.exports.format import Format


def find_format(name: str) -> Format:
    """The format of a name.

    Raises:
        UsageError: there is none.
    """
    if name not in EXPORTS:
        raise UsageError(f"--to takes one of {', '.join(EXPORTS)}, got {name!r}")
    module = import_module(f"{__name__}.{name.replace('-', '_')}")
    found: Format = module.FORMAT
    return found
