"""``m2fp masks``: results in, the masks that generative try-on paints in out."""

from __future__ import annotations

from m2fp_cli.commands import option_groups, options
from m2fp_cli.commands.export import MaskOptions

EXAMPLES = """\
m2fp masks
m2fp masks photos --category lower --grow 1% -o out --model starter"""


def masks(
    mask: MaskOptions,
    batch: option_groups.BatchOptions,
    found: option_groups.ScanOptions,
    inputs: options.ParsedOrPhotos = None,
    files_from: options.FilesFrom = None,
    output: options.PicturesOutput = None,
    photos: options.MovedPhotos = None,
    model: options.Model = None,
) -> None:
    """Make the masks that generative try-on paints in.

    White is painted, black stays: face, hair, hands, feet, other people and what is carried in
    front. They go to agnostic/, in the photos' size. Without an input it takes what an earlier
    parse left in ./m2fp-out.
    """
    from m2fp_cli.commands.exporting import run_export
    from m2fp_cli.exports import find_format
    from m2fp_cli.exports.format import ExportSettings
    from m2fp_cli.jobs.fitting import parse_people
    from m2fp_cli.jobs.inputs import PhotoInputs

    people = parse_people(mask.people or find_format("agnostic").people, "--people")
    settings = ExportSettings(people=people, mask=mask.settings())
    asked = PhotoInputs(tuple(inputs or ()), output, photos, found.rules(), files_from=files_from)
    run_export("agnostic", asked, settings, model, batch)
