"""What every section of the torture gets: a folder, a seed, a tiny model, the command line."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
MOST_FINDINGS = 20  # shown of a section


class SkippedError(Exception):
    """A section cannot be run on this machine; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What a command left."""

    code: int
    out: str
    err: str
    seconds: float


@dataclass
class Setting:
    """One section's surroundings, and what it has found.

    Attributes:
        folder: an empty folder of the section's own.
        seed: decides every random choice.
        effort: factor on the number of photos, kills and examples.
        model: folder of a tiny model.
        figures: what the section's line says.
        findings: what must not be, a sentence each.
    """

    folder: Path
    seed: int
    effort: float
    model: Path
    figures: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def count(self, usual: int) -> int:
        """A number of photos, kills or examples, scaled by the effort."""
        return max(1, round(usual * self.effort))

    def random(self, salt: str) -> random.Random:
        """A source of random numbers that depends on the seed alone."""
        return random.Random(f"{self.seed} {salt}")

    def expect(self, holds: bool, finding: str) -> None:
        """Note a finding unless something holds."""
        if not holds:
            self.findings.append(finding)

    def command(self, *arguments: str | Path) -> list[str]:
        """The words that call ``m2fp``."""
        return [sys.executable, "-m", "m2fp_cli", *map(str, arguments)]

    def environment(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Environment of a command: the tiny model, and changes; None takes a variable out."""
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        wanted = {**os.environ, "M2FP_MODEL": str(self.model), "PYTHONPATH": paths}
        wanted |= {"OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        merged: dict[str, str | None] = {**wanted, **(changes or {})}
        return {name: value for name, value in merged.items() if value is not None}

    def start(
        self, *arguments: str | Path, changes: Mapping[str, str | None] | None = None
    ) -> subprocess.Popen[str]:
        """Start ``m2fp`` in a session of its own, deaf to nothing."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=ROOT,
            env=self.environment(changes),
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=heed_signals,
        )

    def run(
        self,
        *arguments: str | Path,
        changes: Mapping[str, str | None] | None = None,
        within_seconds: float = 600.0,
        inside: Sequence[str] = (),
    ) -> Answer:
        """Run ``m2fp`` to its end.

        Args:
            arguments: of the command line.
            changes: of the environment.
            within_seconds: a command that takes longer is a finding, and is killed.
            inside: words that stand before the command.
        """
        started = time.monotonic()
        words = [*inside, *self.command(*arguments)]
        try:
            done = subprocess.run(
                words,
                cwd=ROOT,
                env=self.environment(changes),
                text=True,
                errors="replace",
                capture_output=True,
                timeout=within_seconds,
                check=False,
                preexec_fn=heed_signals,
            )
        except subprocess.TimeoutExpired:
            self.findings.append(f"{shown(arguments)} did not end in {within_seconds:.0f} s")
            return Answer(-1, "", "", time.monotonic() - started)
        answer = Answer(done.returncode, done.stdout, done.stderr, time.monotonic() - started)
        self.inspect(answer, shown(arguments))
        return answer

    def inspect(self, answer: Answer, what: str) -> None:
        """Note what no command may say, whatever happens to it."""
        text = answer.out + answer.err
        self.expect("Traceback" not in text, f"{what}: a traceback: {text[-400:]!r}")
        self.expect("please report" not in text, f"{what}: an internal error: {text[-400:]!r}")
        self.expect("Aborted!" not in text, f"{what}: ended without a reason")
        raw = [c for c in text if not (c.isprintable() or c in "\n\r")]
        self.expect(not raw, f"{what}: raw control characters {raw[:5]!r}")
        known = {-1, 0, 1, 2, 3, 66, 73, 75, 130, 143}
        self.expect(answer.code in known, f"{what}: exit code {answer.code}: {text[-400:]!r}")


def shown(arguments: Sequence[str | Path]) -> str:
    """A command in a finding."""
    return " ".join(["m2fp", *map(str, arguments)])


def heed_signals() -> None:
    """A shell's background jobs, and what nohup starts, ignore signals; the runs here must not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
