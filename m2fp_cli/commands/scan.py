"""``m2fp scan``: list photos once, for any number of runs."""

from __future__ import annotations

from dataclasses import replace

import typer

from m2fp_cli.commands import option_groups, options
from m2fp_cli.errors import ExitCode
from m2fp_cli.terminal import displayable, say_lines, warn

EXAMPLES = """\
m2fp scan /data/photos -r > photos.jsonl
m2fp scan shop-a shop-b --exclude '*_thumb.jpg' | m2fp parse --files-from -"""


def scan(
    inputs: options.Photos, found: option_groups.ScanOptions, quiet: options.Quiet = False
) -> None:
    """List photos, and where their results go, for --files-from.

    Prints a JSON line for each photo: its path, the key of its results, size and time of change.
    No photo is opened. A list may be cut, mixed and joined by line; it may hold millions.
    """
    from m2fp_cli.batch.listing import list_lines
    from m2fp_cli.batch.remote.remote import Remote
    from m2fp_cli.batch.scan import find_images

    rules = replace(found.rules(), stamps=True)
    stored = Remote().find_photos(inputs, output=None, rules=rules)
    result = stored or find_images(inputs, output=None, rules=rules)
    for note in () if quiet else result.notes:
        warn(note)
    for failure in result.failures:
        warn(f"m2fp: {displayable(failure.source)}: {failure.message}")
    say_lines(list_lines(result.tasks))
    raise typer.Exit(ExitCode.SOME_FAILED if result.failures else ExitCode.OK)
