"""A run's averaged weights as those of a model folder.

Matrices and kernels are stored in half precision, vectors (biases, batch statistics) in single.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from m2fp_cli.errors import OutputError
from m2fp_cli.terminal import displayable
from m2fp_cli.training.start import mean_weights, read_run


def export_weights(
    checkpoint: Path, target: Path, num_labels: int, label_bias: float, also: Sequence[Path] = ()
) -> dict[str, Any]:
    """Write ``model.safetensors`` and return the run's progress.

    Args:
        checkpoint: ``checkpoint.pt`` of a run.
        target: model folder; made if it is not there.
        num_labels: labels of the map; their classes come first.
        label_bias: added to the class logits of the labels, people's and "nobody"'s left alone. A
            label query that doubts whether its label is there speaks up more; the label map asks
            which label it is, not whether there is one, and rare labels would never win.
        also: checkpoints of other runs; the mean of all of their weights is written, in which one
            named several times counts so often. It makes sense for runs that went on from each
            other (Wortsman et al., "Model soups", https://arxiv.org/abs/2203.05482).

    Raises:
        ModelError: a checkpoint is damaged.
        OutputError: the file cannot be written; the last one stays.
    """
    state = read_run(checkpoint)
    averages = {path: read_run(path)["average"] for path in set(also)}
    average = mean_weights([state["average"], *(averages[path] for path in also)])
    average["sem_seg_head.predictor.class_embed.bias"][:num_labels] += label_bias
    weights = {
        name: (value.half() if value.ndim > 1 else value).contiguous()
        for name, value in average.items()
        if not name.endswith("num_batches_tracked")
    }
    target.mkdir(parents=True, exist_ok=True)
    _write(weights, target / "model.safetensors")
    progress: dict[str, Any] = state["progress"]
    return progress


def _write(weights: Mapping[str, torch.Tensor], path: Path) -> None:
    partial = path.with_suffix(".safetensors.partial")
    try:
        save_file(dict(weights), partial, metadata={"format": "pt"})
        partial.chmod(0o644)  # safetensors makes it readable for its owner only
        partial.replace(path)  # others may have the old file mapped
    except (OSError, SafetensorError) as error:  # its errors have no error number
        with contextlib.suppress(OSError):
            partial.unlink()
        raise OutputError(
            f"cannot write {displayable(path)}; make room on the disk, and run again"
        ) from error
