"""Everything one run of the bench has measured, as a record and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from m2fp_cli.bench.environment import Environment, waiting_doubts
from m2fp_cli.bench.offline import OfflineFigures
from m2fp_cli.bench.paint import PaintFigures
from m2fp_cli.bench.roofline import RooflineFigures
from m2fp_cli.bench.service import ServiceFigures
from m2fp_cli.bench.single import EngineFacts, EngineFigures, PhotoFigures
from m2fp_cli.bench.statistics import doubts, summarize
from m2fp_cli.terminal import counted

FORMAT = "m2fp-bench/1"
RUN_MARK = f'"format": "{FORMAT}"'.encode()  # says that a file may be replaced


@dataclass(frozen=True)
class Settings:
    """What was asked for.

    Attributes:
        model: name of the model.
        weights: SHA-256 of its weights.
        precision: number formats that were asked for, with commas between.
        threads: cores of a single parse.
        scenarios: what was measured.
        photos: ``synthetic`` or the folder's name.
        photos_sha256: digest of the photos.
        photo_sizes: ``HxW`` by name of the photo.
    """

    model: str
    weights: str
    precision: str
    threads: int
    scenarios: list[str]
    photos: str
    photos_sha256: str
    photo_sizes: dict[str, str]


@dataclass(frozen=True)
class Series:
    """Samples that can be compared with those of another run.

    Attributes:
        scenario: ``single``, ``offline``, ``serve`` or ``paint``.
        case: the photo, the pool's shape, or what is painted.
        engine: whose they are.
        seconds: raw samples; less is better.
        answer: digest of the answer; empty if there is none.
    """

    scenario: str
    case: str
    engine: str
    seconds: list[float]
    answer: str = ""


@dataclass
class Document:
    """One run of the bench; lists grow while it goes on.

    Attributes:
        environment: the machine.
        settings: what was asked for.
        engines: what is known of each engine.
        single: photos one by one.
        offline: pools.
        serve: services under load.
        paint: painting.
        roofline: the network against its bound.
        warnings: reasons to distrust the figures.
    """

    environment: Environment
    settings: Settings
    engines: dict[str, EngineFacts] = field(default_factory=dict)
    single: list[PhotoFigures] = field(default_factory=list)
    offline: list[OfflineFigures] = field(default_factory=list)
    serve: list[ServiceFigures] = field(default_factory=list)
    paint: list[PaintFigures] = field(default_factory=list)
    roofline: list[RooflineFigures] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def series(self) -> Iterator[Series]:
        """All samples that can be compared."""
        for photo in self.single:
            for name, one in photo.engines.items():
                yield Series("single", photo.name, name, one.seconds, one.map_sha256)
        for pool in self.offline:
            yield Series("offline", pool.name, "m2fp", pool.intervals)
        for service in self.serve:
            yield Series("serve", service.name, "m2fp", service.seconds)
        for painting in self.paint:
            yield Series("paint", painting.name, "m2fp", painting.seconds)

    def doubts(self) -> list[str]:
        """Reasons to distrust figures that lie in the figures."""
        found = []
        for photo in self.single:
            for name, one in photo.engines.items():
                found += waiting_doubts(f"{name} {photo.name}", one.waited_share)
                found += doubts(f"{name} {photo.name}", one.seconds)
            if photo.is_cut_short:
                count = max(len(one.seconds) for one in photo.engines.values())
                found.append(
                    f"{photo.name}: {counted(count, 'sample')} in the time given; raise --budget"
                )
            found += [f"{photo.name}: {why}" for why in photo.failures.values()]
        for pool in self.offline:
            if pool.is_cut_short:
                found.append(
                    f"offline {pool.name}: {counted(pool.photos, 'sample')}; raise --budget"
                )
        return found

    def as_json(self) -> dict[str, Any]:
        """The document; raw samples are kept, summaries stand beside them."""
        return {
            "format": FORMAT,
            "environment": asdict(self.environment),
            "settings": asdict(self.settings),
            "engines": {name: asdict(facts) for name, facts in self.engines.items()},
            "single": [_photo_json(photo) for photo in self.single],
            "offline": [asdict(pool) for pool in self.offline],
            "serve": [
                {**asdict(one), "share": one.share, "p99_seconds": one.p99_seconds}
                for one in self.serve
            ],
            "paint": [{**asdict(p), "summary": asdict(summarize(p.seconds))} for p in self.paint],
            "roofline": [
                {**asdict(one), "shares": {stage: one.share(stage) for stage in one.seconds}}
                for one in self.roofline
            ],
            "warnings": self.warnings,
            "series": [asdict(series) for series in self.series()],
        }

    def dump(self) -> str:
        """The document as text."""
        return json.dumps(self.as_json(), ensure_ascii=True)


def _photo_json(photo: PhotoFigures) -> dict[str, Any]:
    engines = {name: _engine_json(one) for name, one in photo.engines.items()}
    alone = {"ratio": photo.ratio, "agreement": photo.agreement}
    shown = {key: None if one is None else asdict(one) for key, one in alone.items()}
    return {**asdict(photo), **shown, "engines": engines}


def _engine_json(one: EngineFigures) -> dict[str, Any]:
    medians = one.stage_medians()
    return {**asdict(one), "summary": asdict(one.summary), "stage_medians": medians}
