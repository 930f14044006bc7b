"""One engine in one process: what the parent starts to measure, so that memory is its own.

Reads a ``ProbeOrder`` as JSON on the command line, parses one photo per line of stdin (a path to an
``.npy`` file) and answers each with a line of JSON on stdout. The parent alternates two probes line
by line, so both engines see the same state of the machine.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from m2fp_cli.engine.parser import Engine


@dataclass(frozen=True)
class ProbeOrder:
    """What a probe is to run.

    Attributes:
        engine: ``fast`` or ``reference``.
        model: name or folder of the model.
        precision: number format of the fast engine.
        threads: cores.
        flip: test-time augmentation.
    """

    engine: str
    model: str
    precision: str
    threads: int
    flip: bool = False


def main() -> None:
    """Serve until stdin ends."""
    order = ProbeOrder(**json.loads(sys.argv[1]))
    started = time.perf_counter()
    engine = _build(order)
    _answer({"ready": time.perf_counter() - started})
    for line in sys.stdin:
        photo, answer_path = line.rstrip("\n").split("\t")
        image = np.load(photo)
        begun = time.perf_counter()
        result = engine.parse(image)
        seconds = time.perf_counter() - begun
        masks = {
            f"{i}": np.packbits(instance.mask.full()) for i, instance in enumerate(result.instances)
        }
        if answer_path:
            labels = [(i.label_id, i.score) for i in result.instances]
            np.savez(
                Path(answer_path),
                semantic_map=result.semantic_map,
                labels=np.array(labels),
                **masks,
            )
        _answer(
            {
                "seconds": seconds,
                "stages": asdict(engine.last_seconds),
                "instances": len(result.instances),
                "people": len(result.people),
                "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )


def _build(order: ProbeOrder) -> Engine:
    if order.engine == "reference":
        from m2fp_cli.engine.reference import ReferenceParser

        return ReferenceParser(order.model, threads=order.threads)
    from m2fp_cli.engine.parser import HumanParser

    return HumanParser(
        order.model, precision=order.precision, threads=order.threads, flip=order.flip
    )


def _answer(values: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
