"""What commands say about the number format that a model is to compute in; imports no NumPy."""

from __future__ import annotations

from m2fp_cli.jobs.model_files import ModelFiles, describe_precision, int8_caution
from m2fp_cli.terminal import warn


def check_precision(model: ModelFiles, precision: str) -> None:
    """Stop where a model cannot compute in a number format; warn where that gains nothing.

    Raises:
        ModelError: the model is not calibrated for int8.
    """
    describe_precision(model, precision)
    caution = int8_caution(precision)
    if caution is not None:
        warn(f"--precision int8: {caution}")
