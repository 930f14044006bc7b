"""How the bench measures: processes that answer, fail or hang, pools, painting, operations."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch

from m2fp_cli.batch.outcome import Outcome
from m2fp_cli.batch.report import ImageReport, PhotoSeconds, Status
from m2fp_cli.batch.resources import PoolPlan
from m2fp_cli.bench.agreement import Agreement, compare_answers, write_answer
from m2fp_cli.bench.child import Child
from m2fp_cli.bench.offline import _Watch, sweep_shapes
from m2fp_cli.bench.order import ProbeOrder
from m2fp_cli.bench.paint import KINDS, settings_of, synthetic_maps
from m2fp_cli.bench.photos import Photo, digest_photos, make_photos, synthetic_photo
from m2fp_cli.bench.roofline import TOTAL
from m2fp_cli.bench.roofline_probe import StageTimer, parts_of, product_peak
from m2fp_cli.bench.rounds import Patience
from m2fp_cli.bench.runtimes.flops import Counting, count_at, count_flops
from m2fp_cli.bench.serve import peak_mib, reset_peak
from m2fp_cli.bench.single import SingleScenario
from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.errors import EngineError, UsageError
from m2fp_cli.network.config import parse_config
from m2fp_cli.network.m2fp import M2FP
from m2fp_cli.render.pictures import paint_pictures
from tests.support.family import small_document
from tests.support.parsed_tree import two_people

MEASURED = Patience(seconds=0, count=3, budget_seconds=60, warm_up=1)


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Makes a module that a child can run."""

    def write(body: str) -> str:
        (tmp_path / "played.py").write_text(body)
        monkeypatch.syspath_prepend(tmp_path)
        return "played"

    return write


ECHO = """
from m2fp_cli.bench.serve import serve
def prepare(order):
    print("noise of a library")
    return {"order": order}, lambda question: {"answer": question["n"] * 2}
serve(prepare)
"""


def test_a_child_answers_and_its_prints_do_no_harm(module):
    child = Child("echo", module(ECHO), {"x": 1}, threads=1, timeout=60)
    try:
        assert child.ready == {"order": {"x": 1}}
        assert [child.ask({"n": n}, 60)["answer"] for n in (1, 2)] == [2, 4]
    finally:
        child.close()


@pytest.mark.parametrize(
    ("body", "timeout", "message"),
    [
        ("import time; time.sleep(600)", 0.2, "gave no answer in 0 s"),
        ("raise SystemExit(7)", 60, "ended with code 7"),
        ("import os; os.kill(os.getpid(), 9)", 60, r"signal 9 \(out of memory"),
        (ECHO.replace("print(", "raise __import__('m2fp_cli.errors').errors.ModelError("), 60,
         "slow: noise of a library"),
    ],
)  # fmt: skip
def test_a_child_that_does_not_answer_is_an_error(module, body, timeout, message):
    with pytest.raises(EngineError, match=message):
        Child("slow", module(body), {}, threads=1, timeout=timeout)


class PlayedEngine:
    """A child that needs no process: it takes the seconds it was given, one after the other."""

    def __init__(self, name: str, seconds: float, dies_at: int = 1000) -> None:
        self.name, self._seconds, self._left = name, seconds, dies_at
        self.ready = {"load_seconds": 1.0, "dtype": "float32", "onednn": "", "openmp": ""}
        self.start_seconds, self.is_closed, self.resets = 2.0, False, 0

    def ask(self, question):
        self._left -= 1
        if self._left < 0:
            raise EngineError(f"{self.name} was killed by signal 9")
        self.resets += question["reset"]
        if question["answer"]:
            write_answer(Path(question["answer"]), two_people())
        return {
            "seconds": self._seconds,
            "stages": {"preprocess": 0.0, "network": self._seconds, "postprocess": 0.0},
            "waited_seconds": 0.25 * self._seconds,
            "instances": 5,
            "people": 2,
            "map_sha256": "x",
            "peak_rss_mib": 100.0,
        }

    def close(self):
        self.is_closed = True


def measured(engines: dict[str, PlayedEngine], sizes=((20, 30), (10, 10))):
    """Figures of photos of these sizes, and the scenario that made them."""
    orders = {name: ProbeOrder("fast", "", "fp32", 1) for name in engines}
    started = {name: iter([engine, PlayedEngine(name, 1.0)]) for name, engine in engines.items()}
    scenario = SingleScenario(
        orders, MEASURED, lambda _line: None, lambda name, _order: next(started[name])  # type: ignore[arg-type,return-value]
    )  # fmt: skip
    photos = [Photo(f"{h}x{w}", synthetic_photo(h, w)) for h, w in sizes]
    return list(scenario.measure(photos)), scenario


def test_engines_take_turns_and_their_answers_are_compared():
    engines = {"m2fp": PlayedEngine("m2fp", 2.0), "reference": PlayedEngine("reference", 6.0)}
    figures, scenario = measured(engines)
    assert [photo.name for photo in figures] == ["10x10", "20x30"]
    for photo in figures:
        assert photo.engines["m2fp"].seconds == [2.0] * 3
        assert photo.engines["m2fp"].waited_share == 0.25
        assert photo.ratio is not None
        assert photo.ratio.value == 3.0
        assert photo.agreement is not None
        assert photo.agreement.label_map == 1.0
    assert all(engine.is_closed and engine.resets == 2 for engine in engines.values())
    assert scenario.facts["reference"].start_seconds == 2.0


def test_an_opponent_that_dies_misses_one_photo_only():
    engines = {"m2fp": PlayedEngine("m2fp", 2.0), "reference": PlayedEngine("reference", 6.0, 2)}
    first, second = measured(engines)[0]
    assert "signal 9" in first.failures["reference"]
    assert list(first.engines) == ["m2fp"]
    assert first.ratio is None
    assert second.engines["reference"].seconds == [1.0] * 3


def test_our_own_death_ends_the_run():
    with pytest.raises(EngineError, match="signal 9"):
        measured({"m2fp": PlayedEngine("m2fp", 2.0, 2)})


def test_agreement_counts_what_differs(tmp_path):
    ours = two_people()
    moved = ours.semantic_map.copy()
    moved[0, :8] = 1
    write_answer(tmp_path / "a.npz", ours)
    write_answer(tmp_path / "b.npz", result_from_maps(ours.labels, moved, ours.person_map))
    found = compare_answers(tmp_path / "a.npz", tmp_path / "b.npz")
    assert found.label_map == pytest.approx(1 - 8 / moved.size)
    same = compare_answers(tmp_path / "a.npz", tmp_path / "a.npz")
    count = len(ours.instances)
    assert same == Agreement(1.0, (count, count), count, 0.0, 1.0)


def test_the_peak_of_memory_starts_again():
    reset_peak()
    before = peak_mib()
    block = np.ones(60_000_000, np.uint8)
    assert peak_mib() - before > 40
    del block
    reset_peak()
    if peak_mib() > before + 40:
        pytest.skip("this kernel does not let a process reset its peak")
    assert peak_mib() < before + 20


def outcome(worker: int) -> Outcome:
    seconds = PhotoSeconds(0.1, 0.2, 0.3, 0.4, 0.5)
    report = ImageReport("a.jpg", "a", Status.DONE, image_hw=(1000, 2000), seconds=seconds)
    return Outcome(report, stamp=None, worker=worker)  # type: ignore[arg-type]


def test_the_pool_is_counted_once_it_is_warm():
    now = [0.0]
    watch = _Watch(Patience(4.0, 3, 100), warm_up=2, clock=lambda: now[0])
    for end in (10.0, 11.0, 12.0, 14.0, 16.0):
        assert not watch.is_over
        now[0] = end
        watch.see(outcome(worker=-1))
        watch.see(None)
    assert watch.is_over
    figures = watch.figures(PoolPlan(2, 1, ""), cores=2)
    assert (figures.photos, figures.seconds, figures.first_seconds) == (3, 5.0, 10.0)
    assert figures.intervals == [1.0, 2.0, 2.0]
    assert figures.rate == pytest.approx(0.6)
    assert figures.megapixel_rate == pytest.approx(1.2)
    assert figures.stages["network"] == 0.3
    assert not figures.is_cut_short


def test_the_pool_ends_with_its_budget():
    now = [0.0]
    watch = _Watch(Patience(60.0, 30, 20.0), warm_up=2, clock=lambda: now[0])
    for end in (15.0, 21.0):
        now[0] = end
        watch.see(outcome(worker=-1))
    assert watch.is_over
    assert watch.figures(PoolPlan(1, 1, ""), cores=1).is_cut_short


def test_a_sweep_fills_the_cores():
    assert sweep_shapes(1) == [(1, 1)]
    assert sweep_shapes(2) == [(1, 1), (1, 2), (2, 1)]
    assert sweep_shapes(6) == [(1, 1), (1, 6), (2, 3), (4, 1), (6, 1)]
    assert all(workers * threads <= 48 for workers, threads in sweep_shapes(48))


def test_photos_are_told_apart_by_their_pixels():
    one, two = make_photos("40x30,50X20")
    assert (one.hw, two.hw) == ((30, 40), (20, 50))
    assert digest_photos([one, two]) == digest_photos([two, one])
    other = Photo(one.name, np.bitwise_xor(one.image_bgr, np.uint8(1)))
    assert digest_photos([one]) != digest_photos([other])


@pytest.mark.parametrize("sizes", ["", "big", "0x10", "10x"])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(UsageError, match="--sizes"):
        make_photos(sizes)


def test_all_kinds_of_painting_paint():
    maps, image = synthetic_maps((60, 80)), synthetic_photo(60, 80)
    assert 0.3 < np.mean(maps.semantic_map > 0) < 0.5
    assert len(np.unique(maps.semantic_map)) > 8
    overlays = [paint_pictures(maps, image, settings_of(kind)).overlay for kind in KINDS]
    assert all(overlay is not None for overlay in overlays)
    assert not np.array_equal(overlays[0], overlays[1])  # type: ignore[arg-type]


def test_products_are_counted():
    with torch.no_grad(), Counting() as counting:
        counting.part = "s"
        torch.zeros(2, 3) @ torch.zeros(3, 5)
        assert counting.flops["s"] == 2 * 2 * 3 * 5
        torch.nn.functional.conv2d(torch.zeros(1, 4, 8, 8), torch.zeros(6, 4, 3, 3), padding=1)
        assert counting.flops["s"] == 60 + 2 * (6 * 8 * 8) * (4 * 3 * 3)


def test_operations_grow_with_the_area_as_foretold():
    network = M2FP(parse_config(small_document())).eval()
    parts, input_hw = parts_of(network), (96, 160)
    foretold = count_flops(network, parts, input_hw)
    assert foretold == pytest.approx(count_at(network, parts, input_hw))


def test_stages_are_timed_where_they_are():
    network = torch.nn.Module()
    network.backbone = torch.nn.Conv2d(3, 4, 1)
    network.forward = lambda x: network.backbone(x)
    timer = StageTimer(network)
    for _ in range(2):
        with timer.watching():
            network(torch.zeros(1, 3, 32, 64))
    assert timer.input_hw == (32, 64)
    assert len(timer.samples["backbone"]) == len(timer.samples[TOTAL]) == 2
    assert set(timer.samples) == {TOTAL, "backbone"}


def test_the_product_has_a_peak():
    assert product_peak("float32", 0.0, sides=(16, 32)) > 0


def test_nothing_is_waited_for_without_end(module):
    started = time.monotonic()
    body = ECHO.replace('question["n"] * 2', "__import__('time').sleep(600)")
    child = Child("mute", module(body), {}, threads=1, timeout=60)
    with pytest.raises(EngineError, match="mute gave no answer"):
        child.ask({"n": 1}, 0.2)
    child.close()
    assert time.monotonic() - started < 300
