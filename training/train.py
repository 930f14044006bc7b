"""Trains a member of the M2FP family on labelled photos: ``python -m training.train --help``."""

from __future__ import annotations

import argparse
import copy
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from m2fp_cli.network.config import ModelConfig, parse_config
from m2fp_cli.network.m2fp import M2FP
from training.batches import Batch, SceneSamples, load_batches
from training.compose import SceneComposer
from training.dataset import (
    LabelledPhoto,
    find_names,
    label_frequencies,
    read_photos,
    sampling_weights,
    split_names,
)  # fmt: skip
from training.losses import AuxiliaryHeads, Criterion, Losses, class_weights
from training.pretrained import load_pretrained
from training.recipe import Phase, Recipe, read_recipe
from training.schedule import Progress, learning_rate
from training.start import Start, fill, grow_encoder, read_start
from training.team import Team

_LOG_EVERY = 20


@dataclass(eq=False)
class Run:
    """A run in memory.

    Attributes:
        model: what is trained.
        heads: what helps in training only.
        average: running average of the model, which is what is kept in the end.
        optimizer: AdamW.
        progress: where the run is.
    """

    model: M2FP
    heads: AuxiliaryHeads
    average: M2FP
    optimizer: torch.optim.Optimizer
    progress: Progress


def build_run(recipe: Recipe, config: ModelConfig, device: torch.device) -> Run:
    """Fresh weights from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    model = M2FP(config).train()
    if recipe.pretrained:
        load_pretrained(model.backbone, config.backbone.kind)
        freeze_norms(model.backbone)
    spare_depthwise(model.backbone)
    spare_norms(model)
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    heads = AuxiliaryHeads(config.encoder.mask_dim, config.num_parsing).to(device)
    average = M2FP(config).to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    average.load_state_dict(model.state_dict())
    average.requires_grad_(False)
    groups = parameter_groups(model, heads, recipe)
    optimizer = torch.optim.AdamW(groups, recipe.learning_rate, betas=(0.9, 0.98), **_fused())
    return Run(model, heads, average, optimizer, Progress())


def begin_at(run: Run, start: Start) -> None:
    """Give a fresh run its first weights; its optimizer starts anew."""
    layers = run.model.config.encoder.transformer_enc_layers
    weights = grow_encoder(start.model, layers)
    fill(run.model, weights)
    fill(run.average, weights)
    if start.heads:
        fill(run.heads, start.heads)
    run.progress.before = start.steps


def freeze_norms(backbone: nn.Module) -> None:
    """Let batch norms use their stored statistics: those of small batches of scenes are worse."""
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()


def spare_depthwise(backbone: nn.Module) -> None:
    """Run depthwise convolutions in float32: their bf16 gradient is 4 to 10 times slower on CPUs.

    Measured with torch 2.13, one thread, channels last: 144 channels 48x32, 5x5, stride 2, batch
    10: 200 ms against 14 ms.
    """
    for module in backbone.modules():
        if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
            module.forward = _in_float32(module.forward)  # type: ignore[assignment, method-assign]


def spare_norms(model: nn.Module) -> None:
    """Run norms in float32 where torch cannot mix formats in them: before 2.0, on CPUs."""
    if int(torch.__version__.split(".")[0]) > 1:
        return
    for module in model.modules():
        if isinstance(module, (nn.GroupNorm, nn.LayerNorm)):
            module.forward = _in_float32(module.forward)  # type: ignore[assignment, method-assign]


def _in_float32(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def wrapped(x: Tensor) -> Tensor:
        with torch.amp.autocast_mode.autocast(x.device.type, enabled=False):
            out: Tensor = forward(x.float()).to(x.dtype)
            return out

    return wrapped


def parameter_groups(model: M2FP, heads: AuxiliaryHeads, recipe: Recipe) -> list[dict[str, Any]]:
    """AdamW's groups: matrices decay, vectors do not; ``rate`` is a factor of the learning rate."""
    backbone = list(model.backbone.parameters())
    others = [*model.sem_seg_head.parameters(), *heads.parameters()]
    return [
        {"params": chosen, "weight_decay": decay, "rate": rate}
        for parameters, rate in ((others, 1.0), (backbone, recipe.backbone_rate))
        for chosen, decay in (
            ([p for p in parameters if p.ndim > 1], recipe.weight_decay),
            ([p for p in parameters if p.ndim <= 1], 0.0),
        )
    ]


def _fused() -> dict[str, bool]:
    """The one-kernel AdamW where torch has it for every device (from 2.4 on)."""
    return {"fused": True} if int(torch.__version__.split(".")[0]) > 1 else {}


def predict(run: Run, images: Tensor) -> tuple[list[Any], tuple[Tensor, Tensor]]:
    """All layers' predictions, and the auxiliary maps, in bf16 where that is safe."""
    with torch.amp.autocast_mode.autocast(images.device.type, torch.bfloat16):
        head = run.model.sem_seg_head
        mask_features, context = head.pixel_decoder(run.model.backbone(images))
        layers = head.predictor(context, mask_features, all_layers=True)
        return layers, (run.heads.labels(mask_features), run.heads.boxes(mask_features))


def take_step(run: Run, recipe: Recipe, criterion: Criterion, batch: Batch, team: Team) -> Losses:
    """One update of the weights and of their average."""
    torch.manual_seed(recipe.seed + run.progress.step)
    for group in run.optimizer.param_groups:
        group["lr"] = group["rate"] * learning_rate(run.progress, recipe)
    losses: Losses = criterion(*predict(run, batch.images), batch)
    run.optimizer.zero_grad(set_to_none=True)
    losses.total.backward()
    parameters = [*run.model.parameters(), *run.heads.parameters()]
    team.average_gradients(parameters)
    norm = nn.utils.clip_grad.clip_grad_norm_(parameters, recipe.clip)
    if torch.isfinite(norm):
        run.optimizer.step()
        update_average(run, recipe.average)
    return losses


@torch.no_grad()
def update_average(run: Run, keep: float) -> None:
    """Move the average a little towards the weights; further in the first steps."""
    step = run.progress.step
    keep = min(keep, (1 + step) / (10 + step))
    means, values = run.average.state_dict(), run.model.state_dict()
    real = [name for name, mean in means.items() if mean.is_floating_point()]
    torch._foreach_mul_([means[n] for n in real], keep)
    torch._foreach_add_([means[n] for n in real], [values[n] for n in real], alpha=1 - keep)


def save_run(run: Run, path: Path) -> None:
    """Write everything that is needed to go on, in one move."""
    state = {
        "model": run.model.state_dict(),
        "heads": run.heads.state_dict(),
        "average": run.average.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "progress": vars(run.progress),
    }
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    os.replace(partial, path)  # noqa: PTH105


def load_run(run: Run, path: Path) -> None:
    """Go on where a checkpoint was written."""
    state = torch.load(path, map_location="cpu")
    run.model.load_state_dict(state["model"])
    run.heads.load_state_dict(state["heads"])
    run.average.load_state_dict(state["average"])
    groups = run.optimizer.state_dict()["param_groups"]  # the recipe's, not the checkpoint's
    run.optimizer.load_state_dict({**state["optimizer"], "param_groups": groups})
    run.progress = Progress(**state["progress"])


class Trainer:
    """Runs a recipe until it is done; writes checkpoints and a log as it goes."""

    def __init__(
        self,
        recipe: Recipe,
        data: Path,
        out: Path,
        workers: int,
        start: Sequence[Path] = (),
        more: Path | None = None,
    ) -> None:
        """Read the photos and build or resume the run in ``out``."""
        self.recipe, self.out, self.workers = recipe, out, workers
        self.config = parse_config(recipe.configuration)
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.team = Team.join(self.device)
        training, held_out = split_names(find_names(data))
        photos = read_photos(data, training, recipe.height)
        self.judged, self.data = held_out, data
        others = [] if more is None else read_photos(more, find_names(more), recipe.height)
        self.composer = self._composer(photos, others)
        labels = self.config.num_parsing
        weights = class_weights(torch.from_numpy(label_frequencies(photos, labels)).float())
        human = self.config.labels.human_id or labels
        self.criteria = tuple(
            Criterion(weights, human, kind, self.mirrored_ids).to(self.device)
            for kind in (recipe.losses, recipe.late_losses)
        )
        self.run = build_run(recipe, self.config, self.device)
        out.mkdir(parents=True, exist_ok=True)
        if (out / "checkpoint.pt").exists():
            load_run(self.run, out / "checkpoint.pt")
        elif start:
            begin_at(self.run, read_start(*start))

    @property
    def mirrored_ids(self) -> tuple[int, ...]:
        """Of every label, the one it is in a mirrored photo."""
        return self.config.labels.mirrored_ids()

    def _composer(self, photos: list[LabelledPhoto], others: list[LabelledPhoto]) -> SceneComposer:
        count, share = self.config.num_parsing, self.recipe.more_share
        weights = sampling_weights(photos, count)
        if others:
            kinds = (weights * (1 - share), sampling_weights(others, count) * share)
            weights = np.concatenate(kinds)
        return SceneComposer([*photos, *others], weights, self.mirrored_ids, self.recipe.odds)

    def train(self, save_seconds: float, judge_seconds: float) -> None:
        """Take steps until the recipe's end."""
        saved = judged = time.monotonic()
        progress = self.run.progress
        while (phase := progress.phase(self.recipe)) is not None:
            for batch in self._batches(phase):
                self._step(batch)
                if self.team.leads and progress.step in self.recipe.keep_at:
                    self._save(self.out / f"step-{progress.step}")
                now = time.monotonic()
                if self.team.leads and now - saved > save_seconds:
                    saved = self._save()
                if self.team.leads and now - judged > judge_seconds:
                    judged = self._judge()
                if progress.step % _LOG_EVERY == 0:
                    self._look_for_decay()
                if progress.phase(self.recipe) != phase:
                    break
        if self.team.leads:
            self._save()

    def _batches(self, phase: Phase) -> Iterator[Batch]:
        """The batches of what is left of a phase."""
        progress = self.run.progress
        samples = SceneSamples(self.composer, phase.size_hw, self.recipe.seed)
        left = progress.steps_left(self.recipe)
        return load_batches(samples, progress.step, left, phase.batch, self.workers, self.team)

    def _step(self, batch: Batch) -> None:
        started = time.monotonic()
        progress = self.run.progress
        criterion = self.criteria[progress.decay_from is not None]
        losses = take_step(self.run, self.recipe, criterion, batch.to(self.device), self.team)
        progress.step += 1
        if self.team.leads and progress.step % _LOG_EVERY == 0:
            parts = {name: round(float(value.detach()), 4) for name, value in losses.parts.items()}
            self._log(
                step=progress.step, size=list(batch.images.shape[-2:]),
                seconds=round(time.monotonic() - started, 3),
                lr=round(learning_rate(progress, self.recipe), 6),
                total=round(float(losses.total.detach()), 4), **parts,
            )  # fmt: skip

    def _log(self, **values: Any) -> None:
        line = json.dumps({"time": time.strftime("%H:%M:%S"), **values})
        with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def _save(self, folder: Path | None = None) -> float:
        folder = self.out if folder is None else folder
        folder.mkdir(exist_ok=True)
        save_run(self.run, folder / "checkpoint.pt")
        return time.monotonic()

    def _judge(self) -> float:
        """Log how the averaged weights do on some of the held-out photos."""
        from m2fp_cli.engine.parser import HumanParser
        from training.evaluate import evaluate_photos, read_held_out

        photos = read_held_out(self.data, self.judged[::3])
        average = copy.deepcopy(self.run.average).cpu()
        figures = evaluate_photos(HumanParser.from_network(average), photos)
        self._log(step=self.run.progress.step, judged=len(photos), **figures.summary())
        return time.monotonic()

    def _look_for_decay(self) -> None:
        """A file named ``decay`` in the run's folder starts the last phase."""
        if self.team.any((self.out / "decay").exists(), self.device):
            self.run.progress.start_decay()


def main() -> None:
    """Parse the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="folder with photos/ and labels/")
    parser.add_argument("--recipe", type=Path, default=Path(__file__).parent / "starter.json")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the run; resumed if it is there"
    )
    parser.add_argument(
        "--weights", type=Path, action="append", default=[],
        help="begin with those of this checkpoint.pt or model folder; with the mean of several",
    )  # fmt: skip
    parser.add_argument(
        "--more", type=Path, help="further photos/ and labels/, none of them held out"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes that compose scenes")
    parser.add_argument("--save-seconds", type=float, default=180.0)
    parser.add_argument("--judge-seconds", type=float, default=900.0)
    parser.add_argument("--decay-now", action="store_true", help="start the last phase at once")
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.recipe)
    trainer = Trainer(
        recipe, arguments.data, arguments.out, arguments.workers, arguments.weights, arguments.more
    )
    if arguments.decay_now:
        trainer.run.progress.start_decay()
    trainer.train(arguments.save_seconds, arguments.judge_seconds)


if __name__ == "__main__":
    main()
