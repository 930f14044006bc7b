"""The process that writes a model of the published size with random weights that find much.

The process that asks for one stays without torch, as the parent of a pool should.
"""

from __future__ import annotations

import sys
from pathlib import Path

from m2fp_cli.bench.photos import synthetic_photo
from m2fp_cli.kernels.cpu import INT8

_CALIBRATION_PHOTOS = 3


def write_random_model(folder: Path, threads: int, *, calibrate: bool = False) -> None:
    """Write the model as a folder that ``--model`` takes.

    Args:
        folder: where to.
        threads: cores to use.
        calibrate: calibrate it for int8, on other pictures than it is measured with.
    """
    import torch

    from m2fp_cli.engine.random_model import build_sharpened, published_document, write_model

    torch.set_num_threads(threads)
    document = published_document()
    write_model(folder, build_sharpened(document, synthetic_photo(480, 640)), document)
    if calibrate:
        from m2fp_cli.engine.int8.calibrate import calibrate_model
        from m2fp_cli.engine.int8.calibration import FILE_NAME

        photos = [synthetic_photo(480, 640, seed) for seed in range(1, _CALIBRATION_PHOTOS + 1)]
        (folder / FILE_NAME).write_text(calibrate_model(folder, photos, tried_on=1).dump())


if __name__ == "__main__":
    write_random_model(Path(sys.argv[1]), int(sys.argv[2]), calibrate=INT8 in sys.argv[3:])
