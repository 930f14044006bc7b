"""``--label-set``: the ids of another set, by its name or from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from m2fp_cli.terminal import displayable, warn

if TYPE_CHECKING:
    from m2fp_cli.jobs.parse import ParseJob
    from m2fp_cli.records.mapping import LabelMapping


def read_label_set(given: str | None, *, quiet: bool) -> LabelMapping | None:
    """The mapping to a label set; None where none is asked for.

    A name in a file that no label set has may be a typing error: what it was meant for becomes
    background without a word. So does what goes to the first label, where that is no background.

    Args:
        given: name of a built-in set, or path of a file.
        quiet: say nothing about such names.

    Raises:
        UsageError: there is neither, or the file is wrong.
    """
    from m2fp_cli.records.mapping import load_mapping

    if given is None:
        return None
    mapping = load_mapping(given)
    if mapping.unknown and not quiet:
        names = ", ".join(displayable(one) for one in mapping.unknown)
        warn(
            f'{displayable(given)}: "map" names {names}, which no label set that comes with m2fp '
            "has; right only for a model of your own (m2fp labels shows a model's names)"
        )
    if mapping.hides_first() and not quiet:
        first = displayable(mapping.labels.names[0])
        warn(
            f'{displayable(given)}: what becomes {first} is lost: the first of "labels" is the '
            'background; begin them with "Background" if this is a label of its own'
        )
    return mapping


def warn_of_lost_labels(job: ParseJob) -> None:
    """Say which labels of a model become background in the set that is asked for, if any do.

    Args:
        job: a parse; its model is on this machine.

    Raises:
        ModelError: the model's configuration is wrong.
    """
    from m2fp_cli.network.config import read_config

    mapping = job.settings.mapping
    if mapping is None:
        return
    labels = read_config(job.model.folder).labels
    if lost := mapping.without_place(labels.names[one] for one in labels.part_ids):
        warn(
            f"labels that {mapping.name} has no place for become background: "
            f"{displayable(', '.join(lost))}; --label-set FILE.json says where they go"
        )
