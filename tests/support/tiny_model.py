"""A model folder with a tiny network, and the command line in this process."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from safetensors.torch import save_file

from m2fp_cli import cli
from m2fp_cli.engine.random_model import build_sharpened
from tests.support.family import portrait_bgr, small_document


def write_tiny_model(folder: Path) -> Path:
    """Write a model folder whose network parses a photo in milliseconds, and finds something."""
    document = small_document()
    document["preprocessor"] = {"min_size": 64, "max_size": 128}
    network = build_sharpened(document, portrait_bgr())
    folder.mkdir(parents=True)
    (folder / "configuration.json").write_text(json.dumps(document))
    state = {key: value.contiguous() for key, value in network.state_dict().items()}
    save_file(state, folder / "model.safetensors")
    return folder


@dataclass(frozen=True)
class Answer:
    """What a command left: exit code and both streams."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs ``m2fp`` in this process, from its arguments to its exit code."""

    def __init__(
        self, model: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ) -> None:
        self.model, self._monkeypatch, self._capfd = model, monkeypatch, capfd

    def __call__(self, *arguments: str | Path) -> Answer:
        self._monkeypatch.setattr(sys, "argv", ["m2fp", *map(str, arguments)])
        self._monkeypatch.setenv("M2FP_MODEL", str(self.model))
        self._capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = self._capfd.readouterr()
        return Answer(int(ended.value.code or 0), out, err)
