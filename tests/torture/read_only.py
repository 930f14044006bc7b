"""An output on a disk that has become read-only."""

from __future__ import annotations

from pathlib import Path

from tests.torture.mounts import remount, small_disk
from tests.torture.photos import fingerprint, write_photos
from tests.torture.setting import Setting

_PHOTOS = 4


def run(setting: Setting) -> None:
    """Every command on it: what only reads works, the rest says so and ends with 73."""
    photos = setting.folder / "photos"
    write_photos(photos, _PHOTOS)
    with small_disk(setting.folder / "disk", "size=64m") as disk:
        output = disk / "out"
        setting.run("parse", photos, "-r", "-o", output, "-q")
        write_photos(photos, _PHOTOS + 1)
        remount(disk, "ro")
        before = fingerprint(disk)
        words = _commands(photos, output, setting.folder)
        for code, command in words:
            answer = setting.run(*command)
            what = " ".join(map(str, command))
            setting.expect(
                answer.code == code, f"{what}: {answer.code}, not {code}: {answer.err!r}"
            )
            if code == 73:
                setting.expect("read-only" in answer.err, f"{what}: no reason: {answer.err!r}")
        setting.expect(fingerprint(disk) == before, "a read-only disk changed")
        remount(disk, "rw")
    setting.figures.append(f"{len(words)} commands")


def _commands(
    photos: Path, output: Path, elsewhere: Path
) -> list[tuple[int, tuple[str | Path, ...]]]:
    return [
        (73, ("parse", photos, "-r", "-o", output)),
        (73, ("parse", photos, "-r", "-o", output / "new")),
        (73, ("colorize", output)),
        (73, ("tryon", output, "--hat", "fedora")),
        (73, ("report", output)),
        (73, ("status", output, "--prune")),
        (0, ("status", output)),
        (0, ("status", output, "--json")),
        (0, ("report", output, "-o", elsewhere / "page.html")),
        (0, ("colorize", output, "-o", elsewhere / "painted")),
        (0, ("tryon", output, "--hat", "fedora", "-o", elsewhere / "worn")),
        (0, ("parse", photos, "-r", "-o", elsewhere / "out")),
    ]
