"""The way to the bundled model: every stage finds what it needs, and none is done twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from training.make_starter import Stage, carry_out, command, plan
from training.recipe import read_recipe

STAGES = plan(Path("data"), Path("photos"), Path("work"))
GIVEN = {"data", "photos"}


def named(stage: Stage, *options: str) -> list[Path]:
    """What stands after some options."""
    pairs = zip(stage.arguments, stage.arguments[1:], strict=False)
    return [Path(value) for option, value in pairs if option in options]


def test_every_stage_reads_what_those_before_it_write():
    written: set[str] = set()
    for stage in STAGES:
        needed = named(stage, "--weights", "--more", "--model", "--run")
        parts = {path.parts[1] for path in needed}
        assert parts <= written, stage.name
        assert stage.arguments[0] in GIVEN
        written |= {path.parts[1] for path in named(stage, "--out", "--target")}
    assert "starter" in written


def test_every_recipe_can_be_read():
    recipes = [path for stage in STAGES for path in named(stage, "--recipe")]
    assert len(recipes) == 4
    for path in recipes:
        read_recipe(path)


def test_what_is_done_is_not_done_again(tmp_path):
    names = [stage.name for stage in STAGES]
    executed: list[str] = []

    def execute(stage: Stage) -> int:
        executed.append(stage.name)
        return 3 if executed == names[:2] else 0

    assert carry_out(STAGES, tmp_path, execute) == 3
    assert carry_out(STAGES, tmp_path, execute) == 0
    assert executed == [*names[:2], *names[1:]]


@pytest.mark.parametrize(("processes", "shared"), [(1, False), (2, True)])
def test_runs_are_shared_by_processes_and_exports_are_not(processes, shared):
    assert ("torch.distributed.run" in command(STAGES[0], processes)) == shared
    assert "torch.distributed.run" not in command(STAGES[-1], processes)
