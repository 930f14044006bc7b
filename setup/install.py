"""Make ``.venv`` in the checkout: m2fp (editable), its tools and, where it can run, the reference.

Run by ``make setup`` under the CPython that ``find_python.sh`` chose; standard library only. What
it writes lies in the checkout (``.venv``, ``.venv-tools``) or in the user's cache folder. When
nothing changed since the last run it does nothing.

``TORCH_INDEX``, the address of a package index, takes torch and torchvision from there, such as
PyTorch's CPU wheels.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from mmcv_wheel import CannotBuildError, exclusive, find_compiler, provide_wheel

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
TOOLS = ROOT / ".venv-tools"
STAMP = VENV / ".m2fp-setup.json"
PYTHON = VENV / "bin" / "python"
UV = TOOLS / "bin" / "uv"
UV_VERSION = "0.13.9"
SYSTEM_CERTIFICATES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
DESKTOP_LIBRARIES = ("libGL", "libgthread", "libglib", "libxcb", "libSM", "libX", "libICE")


class SetupError(Exception):
    """Set-up cannot go on; the message is one sentence that says what to do."""


def main() -> int:
    """Bring ``.venv`` up to date; 0 when it is, 1 when it could not be."""
    TOOLS.mkdir(exist_ok=True)
    with exclusive(TOOLS / "lock"):  # `make -j demo test` sets up once
        try:
            if not is_current():
                set_up()
        except SetupError as error:
            say(str(error))
            return 1
        except subprocess.CalledProcessError as error:
            say(f"stopped at '{' '.join(map(str, error.cmd))}' (its message is above).")
            return 1
    return 0


def set_up() -> None:
    """Install everything, the core first: it stays usable if the reference cannot be had."""
    clean_environment()
    bootstrap_uv()
    STAMP.unlink(missing_ok=True)
    if not runs_this_python(PYTHON):
        uv("venv", "--quiet", "--clear", "--python", sys.executable, str(VENV))
    say("installing m2fp and its tools (the first time on a machine this downloads torch)")
    take_torch_from_index("torch")
    uv("pip", "install", "--python", str(PYTHON), "-e", f"{ROOT}[dev]")
    make_opencv_start()
    has_reference = install_reference()
    run(str(PYTHON), "-m", "compileall", "-q", str(ROOT / "m2fp_cli"))
    say("compiling the engine's inner loops for this machine")
    run(str(PYTHON), "-m", "m2fp_cli.engine.precompile")
    stamp = {"made_from": fingerprint(), "torch": torch_index(), "has_reference": has_reference}
    STAMP.write_text(json.dumps(stamp))
    say("done: .venv/bin/m2fp")


def install_reference() -> bool:
    """Install the extra ``reference``, or say in one sentence why not; whether it is there."""
    if sys.version_info[:2] != (3, 10):
        say("the reference engine is left out, because its torchvision 0.14.1 needs CPython 3.10.")
        return False
    try:
        wheel = provide_wheel(PYTHON, UV, pin("mmcv-full"), pin("setuptools"))
    except CannotBuildError as error:
        say(f"the reference engine is left out, because {error} ('make clean setup' tries again).")
        return False
    take_torch_from_index("torchvision")
    uv("pip", "install", "--python", str(PYTHON), "-e", f"{ROOT}[dev,reference]", str(wheel))
    return True


def take_torch_from_index(package: str) -> None:
    """Install ``torch`` or ``torchvision`` alone from ``TORCH_INDEX``, if it is set.

    That index also carries old copies of other packages, so nothing else may be looked up in it;
    what is installed later finds this torch and keeps it.
    """
    if torch_index():
        options = ("--no-deps", "--reinstall-package", package, "--default-index", torch_index())
        uv("pip", "install", "--python", str(PYTHON), *options, f"{package}=={pin(package)}")


def make_opencv_start() -> None:
    """Lay OpenCV's headless build over the other where the system lacks a desktop's libraries.

    opencv-python links libGL and GLib, which a bare server or container does not have. The headless
    build is the same code without windows, which m2fp never opens.
    """
    command = [str(PYTHON), "-c", "import cv2"]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode == 0:
        return
    last_line = (process.stderr.strip().splitlines() or ["no message"])[-1]
    if not any(name in last_line for name in DESKTOP_LIBRARIES):
        raise SetupError(f"OpenCV does not start ({last_line}): report this with your platform.")
    say("the system has no libGL or GLib: taking OpenCV's headless build")
    query = "from importlib.metadata import version; print(version('opencv-python'))"
    version = subprocess.check_output([PYTHON, "-c", query], text=True).strip()
    options = ("--no-deps", "--reinstall-package", "opencv-python-headless")
    headless = f"opencv-python-headless=={version}"
    uv("pip", "install", "--python", str(PYTHON), *options, headless)
    subprocess.run(command, check=True)


def bootstrap_uv() -> None:
    """Put the pinned uv into ``.venv-tools``, with the pip that this Python can give."""
    if uv_version() == UV_VERSION:
        return
    if starts_module("ensurepip"):
        run(sys.executable, "-m", "venv", "--clear", str(TOOLS / "python"))
        python = str(TOOLS / "python" / "bin" / "python")
    elif starts_module("pip"):
        python = sys.executable
    else:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise SetupError(
            f"{sys.executable} has neither venv nor pip: install one, "
            f"say with 'apt-get install {package}'."
        )
    options = ("--quiet", "--disable-pip-version-check", "--upgrade", "--target", str(TOOLS))
    run(python, "-m", "pip", "install", *options, f"uv=={UV_VERSION}")
    shutil.rmtree(TOOLS / "python", ignore_errors=True)


def is_current() -> bool:
    """Whether ``.venv`` was made by this very set-up, from these files, for this place."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return False  # none yet, or one cut short
    if stamp.get("made_from") != fingerprint() or not (VENV / "bin" / "m2fp").exists():
        return False
    if os.environ.get("M2FP_REQUIRE_REFERENCE") == "1" and not stamp["has_reference"]:
        return False
    return torch_index() in ("", stamp["torch"])


def fingerprint() -> str:
    """Everything that a finished set-up depends on, as one digest."""
    facts = [str(ROOT), os.path.realpath(sys.executable), sys.version, str(find_compiler())]
    files = [ROOT / "pyproject.toml", *sorted((ROOT / "setup").glob("*.py"))]
    contents = [path.read_bytes() for path in files]
    return hashlib.sha256(b"\0".join([*(fact.encode() for fact in facts), *contents])).hexdigest()


def torch_index() -> str:
    """The index to take torch from; empty for the usual one."""
    return os.environ.get("TORCH_INDEX", "")


def pin(package: str) -> str:
    """The exact version ``pyproject.toml`` asks for."""
    found = re.search(rf'"{package}==([\w.]+)', (ROOT / "pyproject.toml").read_text("utf-8"))
    if found is None:
        raise SetupError(f"pyproject.toml pins no version of {package}: pin one.")
    return found[1]


def runs_this_python(python: Path) -> bool:
    """Whether the environment's Python starts and is of the chosen version."""
    try:
        version = subprocess.check_output([python, "-c", "import sys; print(sys.version)"])
    except (OSError, subprocess.CalledProcessError):
        return False
    return version.decode().strip() == sys.version


def starts_module(module: str) -> bool:
    """Whether ``python -m module`` is there; Debian splits some off the standard library."""
    command = [sys.executable, "-m", module, "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def uv_version() -> str:
    """What the bootstrapped uv says of itself; empty when it does not start."""
    try:
        return subprocess.check_output([UV, "--version"], text=True).split()[1]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return ""


def clean_environment() -> None:
    """Take out what would bend an installation away from ``.venv``; set what uv needs to know."""
    for name in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"):
        os.environ.pop(name, None)
    os.environ["UV_PYTHON_DOWNLOADS"] = "never"
    # As pip does. Else the first processes translate torch and SciPy from their sources, and every
    # process does where PYTHONDONTWRITEBYTECODE is set, as in most images: 3 s instead of 1.
    os.environ["UV_COMPILE_BYTECODE"] = "1"
    os.environ.setdefault("UV_HTTP_TIMEOUT", "300")
    if any(Path(bundle).exists() for bundle in SYSTEM_CERTIFICATES):
        os.environ.setdefault("UV_SYSTEM_CERTS", "1")  # where a proxy's own certificate would be
    if index := os.environ.get("PIP_INDEX_URL"):  # uv does not read pip's settings
        os.environ.setdefault("UV_DEFAULT_INDEX", index)


def uv(*arguments: str) -> None:
    """Run the bootstrapped uv."""
    run(str(UV), *arguments)


def run(*command: str) -> None:
    """Run a command with its output on the terminal; a failure stops set-up."""
    subprocess.run(command, check=True, cwd=ROOT)


def say(sentence: str) -> None:
    """Tell the person what happens."""
    print(f"set-up: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
