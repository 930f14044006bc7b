"""What the shell may complete besides options: names that options take."""

from __future__ import annotations

from collections.abc import Callable

Complete = Callable[[str], list[str]]


def complete_model(incomplete: str) -> list[str]:
    """Short names of models; a folder is completed by the shell where none fits."""
    from m2fp_cli.models.registry import SHORT_NAMES

    return [name for name in SHORT_NAMES if name.startswith(incomplete)]


def complete_kind(incomplete: str) -> list[str]:
    """Kinds of accessories."""
    from m2fp_cli.tryon.kinds import KIND_NAMES

    return [name for name in KIND_NAMES if name.startswith(incomplete)]


def complete_accessory(incomplete: str) -> list[str]:
    """Names of the accessories that come with the tool; files where none fits."""
    from m2fp_cli.tryon.catalog import list_accessories

    return [name for name in list_accessories() if name.startswith(incomplete)]


def complete_worn(kind_name: str) -> Complete:
    """What completes the names that a kind of accessory knows, and gives way to files."""

    def complete(incomplete: str) -> list[str]:
        from m2fp_cli.tryon.catalog import list_accessories
        from m2fp_cli.tryon.kinds import kind_of

        names = [name for name, its in list_accessories().items() if its == kind_name]
        names += getattr(kind_of(kind_name), "names", ())
        return [name for name in names if name.startswith(incomplete)]

    return complete
