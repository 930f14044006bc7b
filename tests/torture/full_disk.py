"""Disks that are full after a few photos, by their bytes or by their number of files."""

from __future__ import annotations

from tests.torture.mounts import remount, small_disk
from tests.torture.photos import inspect_output, results_of, write_photos
from tests.torture.setting import Setting

_PHOTOS = 12
_DISKS = ("size=64k,nr_inodes=40", "size=16m,nr_inodes=25", "size=8k", "size=40k",
          "size=16m,nr_inodes=3", "size=16m,nr_inodes=12")  # fmt: skip


def run(setting: Setting) -> None:
    """Run on each disk until it is full, make room, go on, and compare."""
    photos, quiet = setting.folder / "photos", setting.folder / "quiet"
    write_photos(photos, _PHOTOS)
    setting.run("parse", photos, "-r", "-o", quiet, "-q")
    kept = []
    disks = _DISKS[: setting.count(len(_DISKS))]
    for number, options in enumerate(disks):
        with small_disk(setting.folder / f"disk{number}", options) as disk:
            output = disk / "out"
            words = ("parse", photos, "-r", "-o", output, "-q")
            for attempt in ("first", "second"):
                full = setting.run(*words)
                what = f"{options}, {attempt} run"
                setting.expect(full.code == 73, f"{what}: ends with {full.code}: {full.err!r}")
                is_said = "the disk is full" in full.err
                setting.expect(is_said, f"{what}: does not say that the disk is full: {full.err!r}")
                whole = inspect_output(setting, output, what) if output.exists() else 0
            kept.append(whole)
            remount(disk, "size=64m,nr_inodes=10000")
            last = setting.run(*words)
            setting.expect(last.code == 0, f"{options}: with room again: {last.err[-300:]!r}")
            inspect_output(setting, output, f"{options}, with room")
            same = results_of(output) == results_of(quiet)
            setting.expect(same, f"{options}: with room again, other results than elsewhere")
    setting.figures += [
        f"{len(disks)} disks",
        f"{'+'.join(map(str, kept))} of {_PHOTOS} photos kept when full, all after making room",
    ]
