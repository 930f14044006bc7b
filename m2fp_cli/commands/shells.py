"""``m2fp --install-completion zsh``: the shell by its name.

Typer's own options take no value: the name that follows would be dropped, and the start file of
the shell that runs now be changed in place of the one that was named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from m2fp_cli.errors import UsageError
from m2fp_cli.terminal import displayable

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")
"""What Typer completes for."""

_INSTALL, _SHOW = "--install-completion", "--show-completion"


def read_shell(ctx: Any, args: Sequence[str]) -> None:
    """Install or show completion for the shell that is named after the option, and end.

    Without a name it is left to Typer, which takes the shell that runs now.

    Args:
        ctx: the context of the root command, which knows the program's name.
        args: the words after the program's name.

    Raises:
        UsageError: the word after the option names no shell.
    """
    option, _, value = args[0].partition("=") if args else ("", "", "")
    rest = [value, *args[1:]] if value else [*args[1:]]
    is_asked = option in (_INSTALL, _SHOW) and ctx.parent is None and not ctx.resilient_parsing
    if not is_asked or not rest or rest[0].startswith("-"):
        return
    shell, *more = rest
    if shell not in SHELLS or more:
        named = displayable(" ".join(rest))
        raise UsageError(f"{option} takes one of {', '.join(SHELLS)}, got {named}")
    from typer import completion

    callback = completion.install_callback if option == _INSTALL else completion.show_callback
    callback(ctx, None, shell)  # type: ignore[arg-type]  # it does not look at the parameter
