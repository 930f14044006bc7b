"""``m2fp describe``: results in, a table of people out."""

from __future__ import annotations

from m2fp_cli.commands import option_groups, options

EXAMPLES = """\
m2fp describe
m2fp describe photos -r -o out --model starter"""


def describe(
    batch: option_groups.BatchOptions,
    found: option_groups.ScanOptions,
    inputs: options.ParsedOrPhotos = None,
    files_from: options.FilesFrom = None,
    output: options.PicturesOutput = None,
    photos: options.MovedPhotos = None,
    model: options.Model = None,
) -> None:
    """Make a table of people, their garments and colors.

    A line for each person: place and size, parts that are seen, garments with their colors, how
    much bare skin is seen, and which way they face, with a confidence. What the labels do not know
    (belts, bags, jewelry) is not in it. It goes to describe/ as people.csv and people.jsonl, and
    as people.parquet if pyarrow is installed. Without an input it takes what an earlier parse left
    in ./m2fp-out.
    """
    from m2fp_cli.commands.exporting import run_export
    from m2fp_cli.exports.format import ExportSettings
    from m2fp_cli.jobs.inputs import PhotoInputs

    asked = PhotoInputs(tuple(inputs or ()), output, photos, found.rules(), files_from=files_from)
    run_export("describe", asked, ExportSettings(), model, batch)
