"""What ``--help`` prints: options in groups, examples at the end.

Typer's own grouped help needs rich's markup, which takes 0.4 s to import; this one is plain text.
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

INPUT = "Input and output"
WEAR = "What to wear"
CONTENT = "What to write"
SPEED = "Speed"
FAILURES = "Failures and repeats"
MESSAGES = "Messages"
PANELS = (INPUT, WEAR, CONTENT, SPEED, FAILURES, MESSAGES)


class HelpCommand(TyperCommand):
    """A command whose help has its options in groups and its epilog, the examples, as it stands."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments, then the options of each group, then those of none."""
        arguments: list[tuple[str, str]] = []
        groups: dict[str, list[tuple[str, str]]] = {panel: [] for panel in (*PANELS, "Options")}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            if parameter.param_type_name == "argument":
                arguments.append(record)
            else:
                groups[getattr(parameter, "rich_help_panel", None) or "Options"].append(record)
        for title, records in (("Arguments", arguments), *groups.items()):
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples, a line each."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
