"""The way to the bundled model: every stage finds what it needs, and none is done twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m2fp_cli.models.registry import STARTER_FOLDER
from m2fp_cli.training.recipe import read_recipe
from training.make_starter import Places, Stage, carry_out, command, plan


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> list[Stage]:
    data = tmp_path_factory.mktemp("data")
    for source in ("ccp", "people/coco", "people/coco_boxes"):
        (data / source / "photos").mkdir(parents=True)
    return plan(Places((data,), Path("pose.tflite"), Path("work")))


def named(stage: Stage, *options: str) -> list[Path]:
    """What stands after some options."""
    pairs = zip(stage.arguments, stage.arguments[1:], strict=False)
    return [Path(value) for option, value in pairs if option in options]


def test_every_stage_reads_what_those_before_it_write(stages):
    written: set[str] = set()
    for stage in stages:
        needed = {path.parts[1] for path in named(stage, "--weights", "--model", "--run")}
        assert needed <= written, stage.name
        written |= {path.parts[1] for path in named(stage, "--out", "--target")}
    assert "starter" in written


def test_every_source_of_a_run_is_given_or_made_before_it(stages):
    made = {"ccp", "people/coco", "people/coco_boxes", "people/synthetic", "synthetic-more"}
    made.add("backgrounds")
    for stage in stages:
        made |= {path.name for path in named(stage, "--out") if path.parent.name == "made"}
        if stage.module == "training.train":
            recipe = read_recipe(named(stage, "--recipe")[0])
            assert {source.folder for source in recipe.sources} <= made, stage.name


def test_what_is_done_is_not_done_again(stages, tmp_path):
    names = [stage.name for stage in stages]
    executed: list[str] = []

    def execute(stage: Stage) -> int:
        executed.append(stage.name)
        return 3 if executed == names[:2] else 0

    assert carry_out(stages, tmp_path, execute) == 3
    assert carry_out(stages, tmp_path, execute) == 0
    assert executed == [*names[:2], *names[1:]]


@pytest.mark.parametrize(("processes", "shared"), [(1, False), (2, True)])
def test_runs_are_shared_by_processes_and_exports_are_not(stages, processes, shared):
    assert ("torch.distributed.run" in command(stages[0], processes)) == shared
    assert "torch.distributed.run" not in command(stages[-1], processes)


def test_the_last_recipe_configures_the_model_as_it_is_bundled(stages):
    recipe = read_recipe(named(stages[-1], "--recipe")[0])
    bundled = json.loads((STARTER_FOLDER / "configuration.json").read_text("utf-8"))
    for section in ("model", "preprocessor"):
        assert recipe.configuration[section] == bundled[section]
