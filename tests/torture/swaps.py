"""An output whose folders are replaced by links, and removed, while a run writes there."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tests.torture.photos import fingerprint, write_photos
from tests.torture.setting import Answer, Setting

_PHOTOS = 40
_ROUNDS = 3


def run(setting: Setting) -> None:
    """Swap, then take away."""
    photos, precious = setting.folder / "photos", setting.folder / "precious"
    write_photos(photos, _PHOTOS)
    write_photos(precious / "labels", _PHOTOS, seed=99)
    for name in ("results", "people", "colors", ".m2fp"):
        shutil.copytree(precious / "labels", precious / name)
    before, swaps = fingerprint(precious), 0
    for number in range(setting.count(_ROUNDS)):
        output = setting.folder / f"swapped{number}"
        rng = setting.random(f"swaps {number}")

        def swap(output: Path = output, choice: Callable[..., str] = rng.choice) -> bool:
            return _swap(output, precious, choice(("labels", "results", "people", ".m2fp")))

        answer, done = _run_while(setting, photos, output, swap)
        swaps += done
        known = answer.code in (0, 3, 73)
        setting.expect(known, f"links swapped in: ends with {answer.code}: {answer.err[-300:]!r}")
        setting.expect(fingerprint(precious) == before, "a file outside the output changed")
        _put_back(output)
        again = setting.run("parse", photos, "-r", "-o", output, "-q")
        setting.expect(again.code == 0, f"after the links: {again.code}: {again.err[-300:]!r}")
    removed = [_remove(setting, photos, how) for how in ("removed", "moved", "replaced")]
    setting.figures += [f"{swaps} links swapped in, nothing outside touched", *removed]


def _swap(output: Path, precious: Path, name: str) -> bool:
    """Put a link in a folder's place for a moment."""
    here, aside = output / name, output / f"{name}-aside"
    try:
        here.rename(aside)
        here.symlink_to(precious / name)
        time.sleep(0.02)
        here.unlink()
    except OSError:
        return False
    finally:
        _put_back(output)
    return True


def _put_back(output: Path) -> None:
    """Give folders their names again; the run may have made new ones meanwhile."""
    for aside in output.glob("*-aside"):
        here = aside.with_name(aside.name.removesuffix("-aside"))
        if here.is_symlink():
            here.unlink()
        if here.exists():
            shutil.copytree(here, aside, dirs_exist_ok=True)
            shutil.rmtree(here)
        aside.rename(here)


def _remove(setting: Setting, photos: Path, how: str) -> str:
    """Take the output away in mid-run; the run must end with 73."""
    output = setting.folder / how

    def take_away() -> bool:
        if len(list((output / "results").glob("*.json"))) < 2:
            return False
        if how == "removed":
            shutil.rmtree(output, ignore_errors=True)
        else:
            output.rename(setting.folder / f"{how}-away")
        if how == "replaced":
            output.mkdir()
        return True

    answer, done = _run_while(setting, photos, output, take_away, most=1)
    setting.expect(done == 1, f"{how}: the run was too fast to be caught")
    setting.expect(answer.code == 73, f"output {how}: {answer.code}, not 73: {answer.err[-300:]!r}")
    setting.expect(len(answer.err.splitlines()) == 1, f"output {how}: {answer.err!r}")
    return f"output {how} in mid-run: {answer.code}"


def _run_while(
    setting: Setting, photos: Path, output: Path, act: Callable[[], bool], *, most: int = 1000
) -> tuple[Answer, int]:
    """Parse while something happens to the output again and again; how often it did."""
    process = setting.start("parse", photos, "-r", "-o", output, "-q", "--workers", "2")
    over, count = threading.Event(), 0

    def go_on() -> None:
        nonlocal count
        while not over.wait(0.03) and count < most:
            if (output / "labels").is_dir() and os.listdir(output / "labels"):  # noqa: PTH208
                count += act()

    thread = threading.Thread(target=go_on)
    thread.start()
    started = time.monotonic()
    out, err = process.communicate(timeout=600)
    over.set()
    thread.join()
    answer = Answer(process.returncode, out, err, time.monotonic() - started)
    setting.inspect(answer, "a run whose output is moved about")
    return answer, count
