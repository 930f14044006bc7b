"""One engine in a process of its own: parses what it is told to, and says what that took."""

from __future__ import annotations

import re
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from m2fp_cli.bench.agreement import answer_digest, write_answer
from m2fp_cli.bench.order import ProbeOrder
from m2fp_cli.bench.serve import AnswerFunction, peak_mib, reset_peak, serve, waited_seconds

if TYPE_CHECKING:
    from m2fp_cli.engine.parser import Engine


def prepare(order: dict[str, Any]) -> tuple[dict[str, Any], AnswerFunction]:
    """Load the engine; see ``serve``."""
    import torch

    import_module("m2fp_cli.engine.parser")  # the clock is for the model, not for Python's imports
    began = time.perf_counter()
    engine = build_engine(ProbeOrder(**order))
    network = getattr(engine, "network", engine)
    dtype = str(getattr(network, "dtype", torch.float32)).removeprefix("torch.")
    ready = {
        "load_seconds": time.perf_counter() - began,
        "dtype": getattr(network, "format_name", dtype),
        "onednn": _onednn_version(),
        "openmp": _openmp_library(),
    }
    return ready, lambda question: measure(engine, question)


def build_engine(order: ProbeOrder) -> Engine:
    """The engine that is asked for, loaded.

    Raises:
        EngineError: the reference or the runtime is not installed.
        ModelError: the model is not there, or damaged.
    """
    if order.engine == "reference":
        from m2fp_cli.engine.reference import ReferenceParser

        return ReferenceParser(order.model, threads=order.threads)
    if order.engine != "fast":
        from m2fp_cli.bench.runtimes.exported import ExportedParser

        return ExportedParser(
            order.model, order.engine, precision=order.precision, threads=order.threads
        )
    from m2fp_cli.engine.parser import HumanParser

    return HumanParser(order.model, precision=order.precision, threads=order.threads)


def measure(engine: Engine, question: dict[str, Any]) -> dict[str, Any]:
    """Parse one ``.npy`` photo.

    Args:
        engine: parses it.
        question: ``photo``, its path; ``answer``, where the answer is written, or None; ``reset``,
            whether the peak of memory starts again.

    Returns:
        seconds in all, per stage and waited for a core; number of instances and people; digest
        of the label map; peak memory in MiB.
    """
    image = np.load(question["photo"])
    if question["reset"]:
        reset_peak()
    waited, began = waited_seconds(), time.perf_counter()
    result = engine.parse(image)
    seconds = time.perf_counter() - began
    waited, peak = waited_seconds() - waited, peak_mib()
    if question["answer"]:
        write_answer(Path(question["answer"]), result)
        reset_peak()  # writing it was not the engine's work
    return {
        "seconds": seconds,
        "stages": asdict(engine.last_seconds),
        "waited_seconds": waited,
        "instances": len(result.instances),
        "people": len(result.people),
        "map_sha256": answer_digest(result),
        "peak_rss_mib": peak,
    }


def _onednn_version() -> str:
    import torch

    found = re.search(r"(?:MKL-DNN|OneDNN) v([\d.]+)", torch.__config__.show(), re.IGNORECASE)
    return found[1] if found else ""


def _openmp_library() -> str:
    """Name of the OpenMP runtime that is loaded; its variables are not those of another."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return ", ".join(sorted(set(re.findall(r"lib(?:gomp|iomp|omp)[^/\s]*\.so[^/\s]*", maps))))


if __name__ == "__main__":
    serve(prepare)
