"""A run in memory: its network, its optimizer, one step of them, and how they are kept."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor, nn

from m2fp_cli.engine.fast.precision import choose_dtype
from m2fp_cli.errors import ModelError, OutputError
from m2fp_cli.kernels.mkl import choose_mkl_code
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.network.model_config import ModelConfig
from m2fp_cli.terminal import displayable
from m2fp_cli.training.batches import Batch
from m2fp_cli.training.losses import AuxiliaryHeads, Criterion, Losses
from m2fp_cli.training.pretrained import load_pretrained
from m2fp_cli.training.ranks import Ranks
from m2fp_cli.training.recipe import Recipe
from m2fp_cli.training.sampling import compile_sampling
from m2fp_cli.training.schedule import Progress, learning_rate
from m2fp_cli.training.start import Start, fill, grow_encoder, grow_queries, read_run


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
    choose_mkl_code()
    torch.manual_seed(recipe.seed)
    model = M2FP(config).train()
    if recipe.pretrained:
        load_pretrained(model.backbone, config.backbone.kind)
        freeze_norms(model.backbone)
    for stage in recipe.frozen:
        model.backbone.get_submodule(stage).requires_grad_(requires_grad=False)
    spare_depthwise(model.backbone)
    spare_norms(model)
    compile_sampling(model)
    model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cpu":
        spare_pyramid(model)
    heads = AuxiliaryHeads(config.encoder.mask_dim, config.num_parsing).to(device)
    average = M2FP(config).to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    average.load_state_dict(model.state_dict())
    average.requires_grad_(False)
    groups = parameter_groups(model, heads, recipe)
    optimizer = torch.optim.AdamW(groups, recipe.learning_rate, betas=(0.9, 0.98), **_fused())
    return Run(model, heads, average, optimizer, Progress())


def begin_at(run: Run, start: Start) -> None:
    """Give a fresh run its first weights; its optimizer starts anew."""
    config = run.model.config
    weights = grow_encoder(start.model, config.encoder.transformer_enc_layers)
    weights = grow_queries(weights, config.decoder.num_queries, config.num_parsing)
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


def spare_pyramid(model: M2FP) -> None:
    """Give the pyramid's 3x3 convolutions planes one after another, not channels last.

    Measured with torch 2.13 on a core of Zen 3, 128 channels 88x72, batch 2: backward takes
    .11 s instead of .22, of a step of 1.7 s.
    """
    for name, module in model.sem_seg_head.pixel_decoder.named_children():
        if name.startswith("layer_"):
            module.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
            module.forward = _on_planes(module.forward)


def _on_planes(forward: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda x: forward(x.contiguous())


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
            ([p for p in parameters if p.ndim > 1 and p.requires_grad], recipe.weight_decay),
            ([p for p in parameters if p.ndim <= 1 and p.requires_grad], 0.0),
        )
    ]


def _fused() -> dict[str, bool]:
    """The one-kernel AdamW where torch has it for every device (from 2.4 on)."""
    return {"fused": True} if int(torch.__version__.split(".")[0]) > 1 else {}


def predict(run: Run, images: Tensor) -> tuple[list[Any], tuple[Tensor, Tensor]]:
    """All layers' predictions, and the auxiliary maps, in bf16 where that is fast and safe.

    On CPUs without units for it a step takes seven times as long in bf16 (Zen 3: 18.3 s, not 2.5).
    """
    kind = images.device.type
    fast = kind != "cpu" or choose_dtype("auto") == torch.bfloat16
    with torch.amp.autocast_mode.autocast(kind, torch.bfloat16, enabled=fast):
        head = run.model.sem_seg_head
        mask_features, context = head.pixel_decoder(run.model.backbone(images))
        layers = head.predictor(context, mask_features, all_layers=True)
        return layers, (run.heads.labels(mask_features), run.heads.boxes(mask_features))


def take_step(run: Run, recipe: Recipe, criterion: Criterion, batch: Batch, ranks: Ranks) -> Losses:
    """One update of the weights and of their average."""
    torch.manual_seed(recipe.seed + run.progress.step)
    for group in run.optimizer.param_groups:
        group["lr"] = group["rate"] * learning_rate(run.progress, recipe)
    losses: Losses = criterion(*predict(run, batch.images), batch)
    run.optimizer.zero_grad(set_to_none=True)
    losses.total.backward()
    parameters = [*run.model.parameters(), *run.heads.parameters()]
    ranks.average_gradients(parameters)
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
    """Write everything that is needed to go on, in one move.

    Raises:
        OutputError: the file cannot be written; the last one stays.
    """
    state = {
        "model": run.model.state_dict(),
        "heads": run.heads.state_dict(),
        "average": run.average.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "progress": vars(run.progress),
    }
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            torch.save(state, writer := _Writer(file))  # type: ignore[arg-type]
            if writer.failure is not None:
                raise writer.failure
        os.replace(partial, path)  # noqa: PTH105
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise OutputError(
            f"cannot write {displayable(path)}; make room on the disk, and run again to go on "
            "where it was saved last"
        ) from error


class _Writer:
    """A file for ``torch.save`` that never fails while it is written.

    Where writing fails, torch's own writer ends the process: it writes once more in its destructor.

    Attributes:
        failure: the first one; nothing is written after it.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:
        try:
            if self.failure is None:
                self._file.write(data)
        except OSError as error:
            self.failure = error
        return len(data)

    def flush(self) -> None:
        """Nothing: the file is flushed when it is closed."""


def load_run(run: Run, path: Path) -> None:
    """Go on where a checkpoint was written.

    Raises:
        ModelError: the file is damaged, or of another network.
    """
    state = read_run(path)
    try:
        run.model.load_state_dict(state["model"])
        run.heads.load_state_dict(state["heads"])
        run.average.load_state_dict(state["average"])
        groups = run.optimizer.state_dict()["param_groups"]  # the recipe's, not the checkpoint's
        run.optimizer.load_state_dict({**state["optimizer"], "param_groups": groups})
        run.progress = Progress(**state["progress"])
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{displayable(path)} is the checkpoint of another network; remove it to begin anew"
        ) from error
