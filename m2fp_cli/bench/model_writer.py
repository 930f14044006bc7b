"""The process that writes a model of the published size with random weights that find much.

The process that asks for one stays without torch, as the parent of a pool should.
"""

from __future__ import annotations

import sys
from pathlib import Path

from m2fp_cli.bench.photos import synthetic_photo


def write_random_model(folder: Path, threads: int) -> None:
    """Write the model as a folder that ``--model`` takes, with the given number of cores."""
    import torch

    from m2fp_cli.engine.random_model import build_sharpened, published_document, write_model

    torch.set_num_threads(threads)
    document = published_document()
    write_model(folder, build_sharpened(document, synthetic_photo(480, 640)), document)


if __name__ == "__main__":
    write_random_model(Path(sys.argv[1]), int(sys.argv[2]))
