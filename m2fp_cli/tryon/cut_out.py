"""Whether a picture may be put on a head as what it is given for."""

from __future__ import annotations

from m2fp_cli.errors import UsageError
from m2fp_cli.terminal import displayable
from m2fp_cli.tryon.accessory import Accessory
from m2fp_cli.tryon.kind import HeadKind
from m2fp_cli.tryon.kinds import kind_of
from m2fp_cli.tryon.outlines import Outline, find_outline
from m2fp_cli.tryon.paper_rectangle import is_on_paper


def require_cut_out(accessory: Accessory, named: str, state: str = "") -> Accessory:
    """The accessory, if it may be put on a head: a photo of one would hide the head as a box.

    Args:
        accessory: of a kind that is worn on a head.
        named: its file, or its kind, for errors.
        state: what may be done where it is of this kind, but looks like another; to end an error.

    Raises:
        UsageError: it may not.
    """
    if not accessory.is_cut_out:
        raise UsageError(
            f"{displayable(named)}: has no transparency; cut the {accessory.kind} out of its "
            "background and save it as a PNG"
        )
    if is_on_paper(accessory.bgra):
        raise UsageError(
            f"{displayable(named)}: has no transparency around the {accessory.kind}; cut the "
            f"{accessory.kind} out of the paper, too, and save it as a PNG"
        )
    other = find_other(accessory)
    if other is not None:
        raise UsageError(f"{displayable(named)}: {other.looks}; {other.advice}{state}")
    return accessory


def find_other(accessory: Accessory) -> Outline | None:
    """What a picture surely shows in place of its kind; None if its JSON says what it is.

    Args:
        accessory: of any kind; those that are worn on a head have outlines they never have.
    """
    kind = kind_of(accessory.kind)
    if accessory.stated or not isinstance(kind, HeadKind):
        return None
    return find_outline(accessory.bgra, kind.unlike)
