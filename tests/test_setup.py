from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
import tomli
from packaging.requirements import Requirement

SETUP = Path(__file__).parent.parent / "setup"
FIND_PYTHON = SETUP / "find_python.sh"


@pytest.fixture
def mmcv_wheel(monkeypatch):
    monkeypatch.syspath_prepend(SETUP)
    import mmcv_wheel

    return mmcv_wheel


@pytest.fixture
def builds(mmcv_wheel, monkeypatch, tmp_path):
    """A cache in a temporary folder and a builder that only writes down that it was called."""
    calls: list[Path] = []

    def build_wheel(_python, _uv, scratch: Path, *_versions) -> Path:
        calls.append(scratch)
        (scratch / "wheel").mkdir()
        wheel = scratch / "wheel" / "mmcv_full.whl"
        wheel.write_text("good")
        return wheel

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(mmcv_wheel, "build_wheel", build_wheel)
    monkeypatch.setattr(mmcv_wheel, "cache_key", lambda *_: "key")
    monkeypatch.setattr(mmcv_wheel, "find_compiler", lambda: "c++")
    monkeypatch.setattr(mmcv_wheel, "ops_load", lambda _python, wheel: wheel.read_text() == "good")
    monkeypatch.setattr(mmcv_wheel.sysconfig, "get_path", lambda _: str(tmp_path))
    (tmp_path / "Python.h").touch()
    return calls


def provide(mmcv_wheel) -> Path:
    wheel: Path = mmcv_wheel.provide_wheel(Path(sys.executable), Path("uv"), "1.7.1", "69.5.1")
    return wheel


def run_find_python(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/bash", str(FIND_PYTHON)]
    environment = {"HOME": str(tmp_path), "PATH": str(tmp_path), **environment}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def write_script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def test_pip_in_the_environment_is_its_own():
    project = tomli.loads((SETUP.parent / "pyproject.toml").read_text())["project"]
    tools = project["optional-dependencies"]["dev"]
    assert any(re.match(r"pip\b", tool) for tool in tools)  # else extras go to another Python


def test_a_shim_that_refuses_to_run_is_passed_over(tmp_path):
    write_script(tmp_path / "python3.10", "exit 127")
    pyenv = tmp_path / ".pyenv/versions/3.10.13/bin/python"
    write_script(pyenv, f"echo {pyenv}")
    write_script(tmp_path / "ls", '/bin/ls "$@"')
    assert run_find_python(tmp_path).stdout == f"{pyenv}\n"


def test_3_10_is_preferred_and_the_python_of_an_environment_is_looked_through(tmp_path):
    found = run_find_python(tmp_path, M2FP_PYTHON=sys.executable).stdout.strip()
    query = "import sys; print(sys.prefix == sys.base_prefix, *sys.version_info[:2])"
    answer = subprocess.check_output([found, "-c", query], text=True)
    assert answer.split() == ["True", *map(str, sys.version_info[:2])]


@pytest.mark.parametrize("environment", [{}, {"M2FP_PYTHON": "/bin/false"}])
def test_no_python_is_one_sentence_and_a_failure(tmp_path, environment):
    process = run_find_python(tmp_path, **environment)
    assert process.returncode == 1
    assert process.stdout == ""
    assert len(process.stderr.splitlines()) == 1


def test_a_wheel_is_compiled_once_and_then_found(mmcv_wheel, builds):
    assert provide(mmcv_wheel) == provide(mmcv_wheel)
    assert len(builds) == 1
    assert not builds[0].exists()


def test_a_damaged_wheel_is_compiled_again(mmcv_wheel, builds):
    provide(mmcv_wheel).write_text("cut sho")
    assert provide(mmcv_wheel).read_text() == "good"
    assert len(builds) == 2


def test_two_clones_at_once_compile_once(mmcv_wheel, builds):
    clones = [threading.Thread(target=provide, args=(mmcv_wheel,)) for _ in range(2)]
    for clone in clones:
        clone.start()
    for clone in clones:
        clone.join()
    assert len(builds) == 1


def test_what_was_compiled_without_its_ops_never_reaches_the_cache(
    mmcv_wheel, builds, monkeypatch, tmp_path
):
    monkeypatch.setattr(mmcv_wheel, "ops_load", lambda *_: False)
    with pytest.raises(mmcv_wheel.CannotBuildError):
        provide(mmcv_wheel)
    assert not list(tmp_path.rglob("*.whl"))


def test_no_compiler_is_said_in_words(mmcv_wheel, builds, monkeypatch):
    monkeypatch.setattr(mmcv_wheel, "find_compiler", lambda: None)
    with pytest.raises(mmcv_wheel.CannotBuildError, match=r"no C\+\+ compiler"):
        provide(mmcv_wheel)
    assert builds == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", None])
def test_ops_do_not_load_from_a_file_that_holds_none(mmcv_wheel, tmp_path, content):
    wheel = tmp_path / "mmcv_full.whl"
    if content is None:
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr("mmcv/__init__.py", "")
    else:
        wheel.write_bytes(content)
    assert not mmcv_wheel.ops_load(Path(sys.executable), wheel)


def test_the_build_sees_no_gpu(mmcv_wheel, monkeypatch, tmp_path):
    monkeypatch.setenv("FORCE_CUDA", "1")
    environment = mmcv_wheel.build_environment(tmp_path, tmp_path / "tools")
    assert "FORCE_CUDA" not in environment
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert 1 <= int(environment["MAX_JOBS"]) <= (os.cpu_count() or 1)


def test_a_source_archive_holds_the_folders_that_its_makefile_needs():
    root = SETUP.parent
    words = re.findall(r"[a-z_]+", (root / "Makefile").read_text())
    folders = {f"/{word}" for word in words if (root / word).is_dir()}
    build = tomli.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert {"/examples", "/docs"} <= folders <= set(build["targets"]["sdist"]["include"])


def test_no_typer_is_allowed_that_takes_whichever_click_is_there():
    """With click 8.5 such a one ends --help in a traceback, or refuses photos in object stores."""
    project = tomli.loads((SETUP.parent / "pyproject.toml").read_text())["project"]
    typer = next(r for r in map(Requirement, project["dependencies"]) if r.name == "typer")
    assert typer.specifier.contains("0.29.1")
    assert not any(typer.specifier.contains(version) for version in ("0.15.0", "0.25.1"))
