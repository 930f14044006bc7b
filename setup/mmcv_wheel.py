"""The compiled wheel of mmcv-full: found in the user's cache, or built with its ops and put there.

mmcv-full is published as source only, and in an isolated build it silently comes out without its
ops. Built here against the torch of ``.venv``, the wheel is kept in
``${XDG_CACHE_HOME:-~/.cache}/m2fp/wheels/<key>/``, where the key names all that its machine code
depends on. A wheel gets there whole and tested, by one rename; a damaged one is built again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

GIB_PER_COMPILER = 2.0  # GCC 12 takes 2.0 GiB for the largest file
SIGN_OF_LIFE_SECONDS = 30
OTHER_BUILDS = {f"FORCE_{chip}" for chip in ("CUDA", "MLU", "MPS", "NPU")}

LOAD_OPS = """
import importlib.util, sys, torch
spec = importlib.util.spec_from_file_location("mmcv._ext", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.ms_deform_attn_forward
"""

TORCH_HEADER_FLAGS = """
import torch
from torch.utils.cpp_extension import include_paths
print("-D_GLIBCXX_USE_CXX11_ABI=%d" % torch._C._GLIBCXX_USE_CXX11_ABI)
for path in include_paths():
    print("-I" + path)
"""


class CannotBuildError(Exception):
    """The wheel cannot be had on this machine; the message completes "because ..."."""


def provide_wheel(python: Path, uv: Path, mmcv_version: str, setuptools_version: str) -> Path:
    """Path of a wheel whose ops load into ``python``'s torch, built now if the cache has none.

    Raises:
        CannotBuildError: there is no compiler, or compiling failed.
    """
    compiler = find_compiler()
    if compiler is None:
        raise CannotBuildError("there is no C++ compiler: 'apt-get install g++', say, brings one")
    if not Path(sysconfig.get_path("include"), "Python.h").exists():
        raise CannotBuildError(
            f"{sys.executable} has no headers: 'apt-get install python3.10-dev', say, brings them"
        )
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "m2fp" / "wheels"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / cache_key(python, compiler, mmcv_version)
    with exclusive(cache / f"{folder.name}.lock"):  # two clones may set up at once
        wheel = next(iter(folder.glob("*.whl")), None)
        if wheel is not None and ops_load(python, wheel):
            return wheel
        with empty_folder(cache / f".building-{folder.name}") as scratch:
            built = build_wheel(python, uv, scratch, mmcv_version, setuptools_version)
            if not ops_load(python, built):
                raise CannotBuildError("mmcv-full's ops were compiled but do not load into torch")
            shutil.rmtree(folder, ignore_errors=True)
            built.parent.rename(folder)
    return folder / built.name


def find_compiler() -> str | None:
    """Path of the C++ compiler that an extension would be built with."""
    return shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++")


def cache_key(python: Path, compiler: str, mmcv_version: str) -> str:
    """Name of everything the machine code depends on: versions, platform and ABI."""
    query = "from importlib.metadata import version; print(version('torch'))"
    torch_version = subprocess.check_output([python, "-c", query], text=True).strip()
    dump_version = [compiler, "-dumpfullversion", "-dumpversion"]
    compiler_version = subprocess.check_output(dump_version, text=True).strip()
    facts = (
        f"mmcv_full-{mmcv_version}",
        f"torch-{torch_version}",
        str(sys.implementation.cache_tag),
        sysconfig.get_platform(),
        f"{Path(compiler).name}-{compiler_version}",
        "-".join(platform.libc_ver()),
    )
    return re.sub(r"[^\w.+-]", "_", "__".join(facts))


def ops_load(python: Path, wheel: Path) -> bool:
    """Whether the wheel is whole and its compiled ops load into torch."""
    try:
        with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
            ops = [name for name in archive.namelist() if name.startswith("mmcv/_ext.")]
            if archive.testzip() is not None or not ops:
                return False
            library = archive.extract(ops[0], folder)
            command = [str(python), "-W", "ignore", "-c", LOAD_OPS, library]
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except (OSError, zipfile.BadZipFile):
        return False


def build_wheel(
    python: Path, uv: Path, scratch: Path, mmcv_version: str, setuptools_version: str
) -> Path:
    """Compile the wheel in ``scratch`` with the torch of ``python``, which stays as it is."""
    tools = scratch / "tools"
    wanted = ("pip", "wheel", "ninja", f"setuptools=={setuptools_version}")
    options = ("--quiet", "--python", str(python), "--target", str(tools))
    subprocess.run([str(uv), "pip", "install", *options, *wanted], check=True)
    environment = build_environment(scratch, tools)
    environment["CFLAGS"] = precompile_torch_headers(python, scratch, environment)
    options = ("--no-deps", "--no-cache-dir", "--no-build-isolation", "--wheel-dir", "wheel")
    command = [str(python), "-m", "pip", "wheel", *options, f"mmcv-full=={mmcv_version}"]
    log = scratch.parent / "mmcv-full-build.log"
    say(f"compiling mmcv-full {mmcv_version} with its ops, once per machine (takes minutes)")
    if run_long(command, environment, scratch, log) != 0:
        raise CannotBuildError(f"compiling mmcv-full failed; {log} tells how")
    return next((scratch / "wheel").glob("*.whl"))


def build_environment(scratch: Path, tools: Path) -> dict[str, str]:
    """The environment of the build: for the CPU alone, whatever the user has set."""
    kept = {name: value for name, value in os.environ.items() if name not in OTHER_BUILDS}
    if index := kept.get("UV_DEFAULT_INDEX"):
        kept.setdefault("PIP_INDEX_URL", index)
    memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    jobs = min(len(os.sched_getaffinity(0)), int(memory_gib / GIB_PER_COMPILER))
    return kept | {
        "MMCV_WITH_OPS": "1",
        "MAX_JOBS": str(max(1, jobs)),
        "CUDA_VISIBLE_DEVICES": "",  # with a GPU in sight mmcv would ask for nvcc
        "PYTHONPATH": str(tools),
        "PATH": f"{tools / 'bin'}{os.pathsep}{kept.get('PATH', os.defpath)}",
        "TMPDIR": str(scratch),
    }


def precompile_torch_headers(python: Path, scratch: Path, environment: dict[str, str]) -> str:
    """Precompile torch's headers; returns the CFLAGS that make the build use them.

    Most of the 72 source files spend four fifths of their time on reading torch's headers. Only GCC
    is given a precompiled one: it ignores a header that does not fit, where clang stops.
    """
    compiler = find_compiler() or "c++"
    user_flags = environment.get("CFLAGS", "")
    version = subprocess.check_output([compiler, "--version"], text=True)
    if "Free Software Foundation" not in version:
        return user_flags
    query = [str(python), "-W", "ignore", "-c", TORCH_HEADER_FLAGS]
    process = subprocess.run(query, capture_output=True, text=True, env=environment, check=True)
    header = scratch / "torch_headers.h"
    header.write_text("#include <torch/types.h>\n")
    flags = shlex.split(f"{sysconfig.get_config_var('CFLAGS') or ''} {user_flags} -g0 -fPIC")
    flags += ["-std=c++14", "-w", "-DTORCH_API_INCLUDE_EXTENSION_H", *process.stdout.splitlines()]
    command = [compiler, *flags, "-x", "c++-header", str(header)]
    subprocess.run(command, capture_output=True, check=False)  # without it the build is only slower
    return f"{user_flags} -g0 -include {header}".strip()


def run_long(command: list[str], environment: dict[str, str], folder: Path, log: Path) -> int:
    """Run a command in ``folder`` into a log file, with a sign of life now and then."""
    started = time.monotonic()
    with log.open("w") as sink:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=sink, stderr=sink)
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(SIGN_OF_LIFE_SECONDS)
            say(f"still compiling after {time.monotonic() - started:.0f} s")
    return process.returncode


@contextlib.contextmanager
def empty_folder(folder: Path) -> Iterator[Path]:
    """A folder for scratch; what a killed run left in it goes first, and all of it at the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Hold a lock file; whoever comes second waits."""
    with lock.open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def say(sentence: str) -> None:
    """Tell the person what happens."""
    print(f"set-up: {sentence}", file=sys.stderr, flush=True)
