"""A run of the bench that nobody had to wait for."""

from __future__ import annotations

from m2fp_cli.bench.agreement import Agreement
from m2fp_cli.bench.document import Document, Settings
from m2fp_cli.bench.environment import Environment
from m2fp_cli.bench.offline import OfflineFigures
from m2fp_cli.bench.paint import PaintFigures
from m2fp_cli.bench.roofline import STAGES, TOTAL, RooflineFigures
from m2fp_cli.bench.single import EngineFacts, EngineFigures, PhotoFigures, Versus
from m2fp_cli.bench.statistics import paired_ratio


def small_environment(load: float = 0.1) -> Environment:
    return Environment(
        m2fp="1.0",
        commit="abc",
        python="3.10.1",
        versions={"torch": "1.13.1"},
        kernel="6.1",
        cpu="Test CPU",
        flags=["avx2"],
        sockets=1,
        logical_cpus=2,
        cpus_allowed=2,
        cores=2,
        quota=None,
        governor="",
        memory_mib=1000,
        swap_used_mib=0,
        load_average=[load, load, load],
        throttled=0,
        variables={},
    )


def engine_figures(seconds: list[float], answer: str = "same") -> EngineFigures:
    """Of every second a tenth is preparing, seven tenths are the network's."""
    shares = {"preprocess": 0.1, "network": 0.7, "postprocess": 0.2}
    stages = {stage: [share * one for one in seconds] for stage, share in shares.items()}
    return EngineFigures(seconds, stages, 2 * seconds[0], 500.0, 0.0, 7, 2, answer)


def small_document(factor: float = 1.0, photos: str = "photos", answer: str = "same") -> Document:
    """Ours, ``factor`` seconds a photo; the reference takes eight times as long."""
    settings = Settings(
        "random", "w", "auto", 2, ["single"], "synthetic", photos, {"480p": "480x640"}
    )
    ours = [factor * seconds for seconds in (1.0, 1.02, 0.98, 1.01, 0.99)]
    theirs = [8 * seconds for seconds in ours]
    photo = PhotoFigures(
        "480p",
        (480, 640),
        {"m2fp": engine_figures(ours, answer), "reference": engine_figures(theirs)},
        versus={
            "reference": Versus(
                paired_ratio(ours, theirs), Agreement(0.9999, (7, 7), 7, 1e-5, 0.9998)
            )
        },
    )
    document = Document(small_environment(), settings)
    document.engines = {
        "m2fp": EngineFacts(1.5, 0.5, "bfloat16", "2.6.0", "libgomp.so"),
        "reference": EngineFacts(9.0, 2.0, "float32", "2.6.0", "libgomp.so"),
    }
    document.single.append(photo)
    stages = dict.fromkeys(("read", "preprocess", "network", "postprocess", "write"), 0.25)
    document.offline.append(
        OfflineFigures(2, 1, 4, 2.0, [0.5] * 4, 2.0, 0.6, stages, 5.0, 0.9, 800, 1200, False)
    )
    document.paint.append(PaintFigures("default", (1080, 1920), 2, [0.05] * 20, 40.0))
    document.roofline.append(roofline_figures())
    return document


def roofline_figures() -> RooflineFigures:
    """The backbone at half, the rest at a quarter of a machine of 100 GFLOP/s."""
    flops = dict(zip(STAGES, (100e9, 25e9, 25e9), strict=True))
    seconds = dict(zip(STAGES, ([2.0], [1.0], [1.0]), strict=True))
    return RooflineFigures(
        "480p",
        (640, 864),
        "float32",
        2,
        {**flops, TOTAL: 150e9},
        {TOTAL: [4.0], **seconds},
        {"float32": 100e9, "bfloat16": 400e9},
    )
