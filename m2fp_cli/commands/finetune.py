"""``m2fp finetune``: teach a model what is in one's own photos."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from m2fp_cli.commands import options
from m2fp_cli.commands.help import CONTENT, INPUT
from m2fp_cli.errors import ExitCode, UsageError
from m2fp_cli.terminal import displayable, say, warn

EXAMPLES = """\
m2fp finetune sets/cvat -o mine
m2fp finetune dataset --from mine -o better"""


def finetune(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="Labelled photos: what CVAT exports (Segmentation mask 1.1, with the photos in "
            "images), photos with LabelMe's files, CIHP's folders, or photos and labels.",
            readable=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Model folder to write. The same command again goes on with a stopped run.",
            rich_help_panel=INPUT,
            readable=False,
        ),
    ],
    origin: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="NAME",
            help="Model to begin with: starter, or a folder that m2fp finetune wrote.",
            rich_help_panel=INPUT,
        ),
    ] = "starter",
    steps: Annotated[
        int | None,
        typer.Option(
            min=10,
            max=1_000_000,
            metavar="N",
            help="Most steps of full size; a quarter as many smaller ones end the run. [default: 3 "
            "for each photo, 90 to 1500]",
            show_default=False,
            rich_help_panel=CONTENT,
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> None:
    """Teach a model from labelled photos of your own.

    Every fifth photo is held out. The command shows the loss, the mean IoU on the held-out photos
    and the time left. When the model gets no better, the last steps begin. It writes a folder for
    `m2fp parse --model`, with a card that has the IoU of each label before and after. At least 5
    photos; 40 take about ten minutes on two cores.
    """
    from m2fp_cli.batch.processes import worker_environment
    from m2fp_cli.batch.resources import usable_cores
    from m2fp_cli.batch.switch import StopSwitch
    from m2fp_cli.models.registry import SHORT_NAMES, STARTER_NAME, resolve_model
    from m2fp_cli.training.display import choose_display
    from m2fp_cli.training.plan import Plan, check_plan

    if origin in SHORT_NAMES and origin != STARTER_NAME:  # before anybody is told to fetch it
        raise UsageError(f"--from takes starter or a folder that m2fp finetune wrote, got {origin}")
    plan = Plan(data, resolve_model(origin, download=False), output, steps)
    check_plan(plan)
    display, switch = choose_display(quiet=quiet), StopSwitch()
    try:
        # Torch reads the environment when it is loaded, which the import below does.
        with switch.listening(), worker_environment(usable_cores()):
            from m2fp_cli.training.finetune import finetune, prepare_process

            prepare_process()
            outcome = finetune(plan, display, lambda: switch.is_draining)
    finally:
        display.close()
        switch.close()
    shown = displayable(output)
    if outcome.learned is None:
        warn(f"m2fp: stopped; the same command goes on where it was ({shown})")
        interrupted = switch.signal_number == signal.SIGINT
        raise typer.Exit(ExitCode.INTERRUPTED if interrupted else ExitCode.TERMINATED)
    learned = outcome.learned
    if not quiet:
        figures = f"{learned.before.mean_iou:.1%} before, {learned.after.mean_iou:.1%} after"
        say(f"{shown}: mean IoU {figures}, {learned.steps} steps", stream=sys.stderr)
    if learned.gain <= 0:
        warn(f"m2fp: it got no better; {displayable(origin)} is the better model for these photos")
    raise typer.Exit(ExitCode.SOME_FAILED if outcome.failed else ExitCode.OK)
