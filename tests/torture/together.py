"""Several runs on one output at once: with the lock, without one, and as shards."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from m2fp_cli.batch.stamps import digest_file
from m2fp_cli.records.document import read_document
from m2fp_cli.records.labels import CIHP
from m2fp_cli.render.maps import read_label_map
from tests.torture.photos import inspect_output, results_of, write_photos
from tests.torture.setting import Answer, Setting

_PHOTOS = 16
_RACES = 4


def run(setting: Setting) -> None:
    """Race them."""
    photos, quiet = setting.folder / "photos", setting.folder / "quiet"
    write_photos(photos, _PHOTOS)
    setting.run("parse", photos, "-r", "-o", quiet, "-q")
    tree = results_of(quiet)
    parse = ("parse", photos, "-r", "-q", "-o")
    codes = []
    for race in range(setting.count(_RACES)):
        output = setting.folder / f"locked{race}"
        both = race_of(setting, (*parse, output), (*parse, output))
        codes.append("/".join(str(one.code) for one in both))
        known = {tuple(sorted(one.code for one in both))} <= {(0, 0), (0, 75)}
        setting.expect(known, f"two runs at once end with {codes[-1]}: {both[0].err + both[1].err}")
        setting.expect(results_of(output) == tree, "two runs at once: other results")
        inspect_output(setting, output, "two runs at once")
    _race_without_a_lock(setting)
    output = setting.folder / "shards"
    shards = race_of(setting, *((*parse, output, "--shard", f"{k}/3") for k in (1, 2, 3)))
    setting.expect(all(one.code == 0 for one in shards), f"shards: {[one.err for one in shards]}")
    setting.expect(results_of(output) == tree, "shards: other results")
    others = (("colorize", quiet, "-q"), ("tryon", quiet, "--hat", "fedora", "-q"))
    mixed = race_of(setting, *others, ("report", quiet, "-q"), ("status", quiet))
    setting.expect(
        all(one.code in (0, 75) for one in mixed), f"mixed: {[one.code for one in mixed]}"
    )
    setting.figures += [f"{len(codes)} races with the lock: {', '.join(codes)}", "3 shards"]


def _race_without_a_lock(setting: Setting) -> None:
    """Two folders with photos of equal names; the lock is taken away before the second starts.

    Each result must be whole and of one photo: no map of one beside the document of the other.
    """
    folders = [setting.folder / name for name in ("monday", "tuesday")]
    for number, folder in enumerate(folders):
        write_photos(folder, _PHOTOS, seed=1000 * number)
    output = setting.folder / "unlocked"
    processes = []
    for folder in folders:
        processes.append(setting.start("parse", folder, "-r", "-q", "-o", output))
        until = time.monotonic() + 60
        while not (output / ".m2fp" / "lock").exists() and time.monotonic() < until:
            time.sleep(0.02)
        (output / ".m2fp" / "lock").unlink(missing_ok=True)
    for process in processes:
        out, err = process.communicate(timeout=600)
        setting.inspect(Answer(process.returncode, out, err, 0.0), "a run without a lock")
        setting.expect(process.returncode in (0, 3, 75), f"without a lock: {process.returncode}")
    whole = inspect_output(setting, output, "without a lock")
    setting.expect(whole == _PHOTOS, f"without a lock: {whole} results of {_PHOTOS} names")
    mixed = sum(not _is_of_one_photo(path, output, folders) for path in _documents(output))
    setting.expect(mixed == 0, f"without a lock: {mixed} results are of two photos")
    setting.figures.append(f"{whole} names raced for without a lock, none mixed")


def _documents(output: Path) -> list[Path]:
    return sorted((output / "results").rglob("*.json"))


def _is_of_one_photo(document: Path, output: Path, folders: list[Path]) -> bool:
    """Whether a document and its label map say the same."""
    stored = read_document(document.read_bytes())
    key = document.relative_to(output / "results").with_suffix("")
    labels = read_label_map(output / "labels" / key.with_suffix(".png"), CIHP)
    digests = [digest_file(folder / key.with_suffix(".jpg")) for folder in folders]
    is_known = stored.provenance.sha256 in digests
    return is_known and np.array_equal(labels.semantic_map, stored.result.semantic_map)


def race_of(setting: Setting, *commands: tuple[str | Path, ...]) -> list[Answer]:
    """Start commands at the same moment and wait for all."""
    processes = [setting.start(*command) for command in commands]
    answers = []
    for process, command in zip(processes, commands, strict=True):
        out, err = process.communicate(timeout=600)
        answers.append(Answer(process.returncode, out, err, 0.0))
        setting.inspect(answers[-1], f"{command[0]} at the same time")
    return answers
