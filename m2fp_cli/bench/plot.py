"""The single-photo figures as a picture: stages stacked, engines side by side."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from m2fp_cli.bench.document import Document
from m2fp_cli.bench.single import PhotoFigures
from m2fp_cli.errors import EngineError, UsageError
from m2fp_cli.storage.beforehand import check_file
from m2fp_cli.storage.writing import write_file
from m2fp_cli.terminal import counted

# Blue, orange, green of Okabe and Ito's palette: apart for every kind of color vision.
_COLORS = {"preprocess": "#009e73", "network": "#0072b2", "postprocess": "#e69f00"}
_MARK = "drawn by m2fp bench --plot"  # in the file: says that it may be replaced
_MARK_FIELDS = {"png": "Software", "svg": "Description", "pdf": "Subject"}
_NAMES = {"preprocess": "prepare", "network": "network", "postprocess": "post-processing"}
_BAR, _GAP = 0.8, 0.7


def check_plot(path: Path) -> None:
    """Find out before anything is measured whether the picture can be drawn and written.

    Raises:
        EngineError: matplotlib is not installed.
        OutputError: the file cannot be written.
        UsageError: the suffix means nothing.
    """
    _require_matplotlib()
    _format_of(path)
    check_file(path, _MARK.encode())


def _require_matplotlib() -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise EngineError(
            "--plot needs matplotlib, which is not installed; pip install 'm2fp[plot]'"
        ) from None


def plot_document(document: Document, path: Path) -> None:
    """Write the picture, as PNG, SVG or PDF by its suffix.

    Raises:
        EngineError: matplotlib is not installed.
        OutputError: the file cannot be written.
        UsageError: there is nothing to plot, or the suffix means nothing.
    """
    _require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not document.single:
        raise UsageError("--plot shows the scenario single; it was not measured")
    suffix = _format_of(path)
    rows = sum(len(photo.engines) for photo in document.single)
    height = 1.5 + 0.42 * rows + 0.25 * len(document.single)
    figure = Figure(figsize=(9, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _draw(axes, document)
    handles, names = axes.get_legend_handles_labels()
    first = dict(zip(names, handles, strict=True))  # every bar has come with its own
    places = {"loc": "outside upper left", "ncols": 3, "frameon": False}
    figure.legend(first.values(), first.keys(), **places)
    data = io.BytesIO()
    figure.savefig(data, format=suffix, metadata={_MARK_FIELDS[suffix]: _MARK})
    write_file(path, data.getvalue(), mark=_MARK.encode())


def _format_of(path: Path) -> str:
    suffix = path.suffix.lower().removeprefix(".") or "png"
    if suffix not in ("png", "svg", "pdf"):
        raise UsageError(f"--plot writes png, svg or pdf, got {path.name!r}")
    return suffix


def _draw(axes: Any, document: Document) -> None:
    place, ticks, labels = 0.0, [], []
    longest = max(_median(photo, name) for photo in document.single for name in photo.engines)
    for photo in document.single:
        for name in photo.engines:
            _draw_bar(axes, place, photo, name, longest)
            ticks.append(place)
            labels.append(f"{photo.name}  {name} {_format(document, name)}".rstrip())
            place += 1
        place += _GAP
    axes.set_yticks(ticks, labels)
    axes.invert_yaxis()
    axes.set_xlim(0, longest * 1.3)
    axes.set_xlabel("seconds per photo, median")
    axes.set_title(_title(document), fontsize=9, loc="left")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _draw_bar(axes: Any, place: float, photo: PhotoFigures, name: str, longest: float) -> None:
    """One engine at one photo: its stages, and what it took in all."""
    start = 0.0
    for stage, seconds in photo.engines[name].stage_medians().items():
        color = _COLORS.get(stage, "#999999")
        axes.barh(place, seconds, _BAR, start, color=color, label=_NAMES.get(stage, stage))
        start += seconds
    median = _median(photo, name)
    text = f"{median:.1f} s" if median >= 10 else f"{median:.2f} s"
    ratio = photo.ratio
    if ratio is not None and name == next(iter(photo.engines)):
        text += f"  ({ratio.value:.1f} times as fast)"
    axes.text(start + longest * 0.01, place, text, va="center", fontsize=9)


def _median(photo: PhotoFigures, name: str) -> float:
    return photo.engines[name].summary.median


def _format(document: Document, name: str) -> str:
    facts = document.engines.get(name)
    return "" if facts is None else {"float32": "fp32", "bfloat16": "bf16"}.get(facts.dtype, "")


def _title(document: Document) -> str:
    settings, machine = document.settings, document.environment
    threads = counted(settings.threads, "thread")
    torch = machine.versions.get("torch", "")
    return f"{machine.cpu}, {threads}, torch {torch}, model: {Path(settings.model).name}"
