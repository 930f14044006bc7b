"""Photos for the sections, drawn from numbers, and a look at what an output holds."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

from m2fp_cli.errors import M2fpError
from m2fp_cli.records.document import load_result
from m2fp_cli.storage.temporaries import TEMPORARY
from tests.support.picture_bytes import encoded, photo_rgb
from tests.torture.setting import Setting


def write_photos(
    folder: Path, count: int, *, seed: int = 0, hw: tuple[int, int] = (120, 160)
) -> None:
    """``count`` JPEGs that differ, a third of them in a sub-folder."""
    for number in range(count):
        path = folder / ("inner" if number % 3 == 2 else "") / f"{number:04d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(photo_rgb(120, 160, seed + number), "JPEG"))


def fingerprint(folder: Path) -> dict[str, str]:
    """What lies below a folder: kind, rights and digest by relative path; links not followed."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        content = ""
        if stat.S_ISREG(status.st_mode):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        elif stat.S_ISLNK(status.st_mode):
            content = str(path.readlink())
        found[path.relative_to(folder).as_posix()] = f"{stat.filemode(status.st_mode)} {content}"
    return found


def results_of(output: Path) -> dict[str, str]:
    """As ``fingerprint``, of an output without its state."""
    return {
        name: kind for name, kind in fingerprint(output).items() if name.split("/")[0] != ".m2fp"
    }


def inspect_output(setting: Setting, output: Path, when: str) -> int:
    """Note half-written files and temporaries in an output; number of whole results."""
    left = [path for path in output.rglob(".m2fp-*.tmp") if TEMPORARY.fullmatch(path.name)]
    setting.expect(not left, f"{when}: temporaries are left: {left[:3]}")
    results = list((output / "results").rglob("*.json"))
    torn = [path.name for path in results if not _is_whole(path)]
    setting.expect(not torn, f"{when}: results are not whole: {torn[:3]}")
    return len(results) - len(torn)


def _is_whole(path: Path) -> bool:
    try:
        load_result(path)
    except (M2fpError, ValueError):
        return False
    return True


def reports_of(setting: Setting, text: str, what: str) -> list[dict[str, str]]:
    """The photos in what ``--json`` printed."""
    try:
        photos: list[dict[str, str]] = json.loads(text)["photos"]
    except (ValueError, KeyError):
        setting.findings.append(f"{what}: --json printed {text[:200]!r}")
        return []
    return photos
