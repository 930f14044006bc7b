from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import m2fp_cli

PACKAGE = Path(m2fp_cli.__file__).parent

# The house from the ground up: a room imports only from rooms before it. A new one gets its place.
ROOMS = (
    *("version", "terminal", "streams", "errors", "arrays"),  # known to all, as those that follow
    *("home", "jsonio", "layout", "numerals", "delays"),
    "imaging",  # bytes to arrays and back
    "storage",  # files of an output
    "records",  # what flows: labels, palettes, masks, results
    "batch",  # many photos; knows nothing of parsing
    *("models", "kernels", "network", "engine"),  # weights, and what runs them
    *("render", "tryon"),  # pictures made from records
    *("agnostic", "exports"),  # what generative try-on paints anew; what other programs read
    "jobs",  # what the batch engine is asked to do
    "cluster",  # the batch engine on the machines of a Ray cluster
    "server",  # the same over HTTP
    "deploy",  # the network for programs without torch
    *("evaluation", "bench"),  # how good, how fast
    "training",  # a model learns from labelled photos
    *("commands", "cli", "__main__"),  # the face
)
HEAVY = (
    "torch",
    "cv2",
    "modelscope",
    "modelscope_hub",
    "mmcv",
    "numba",
    "numpy",
    "PIL",
    "requests",
    "starlette",
    "uvicorn",
    "obstore",
    "ray",
)


def own_imports(path: Path) -> set[str]:
    """Rooms that a file imports, wherever in the file it does so."""
    found = {name for name, _ in imports(path) if name.startswith("m2fp_cli.")}
    return {name.split(".")[1] for name in found}


@cache  # a file is asked for by several tests
def imports(path: Path) -> tuple[tuple[str, bool], ...]:
    """Full name of each imported thing, and whether it is imported as soon as the file is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    at_once = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in at_once) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found += [(f"{node.module}.{alias.name}", id(node) in at_once) for alias in node.names]
    return tuple(found)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def files_of(*rooms: str) -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if room_of(path) in rooms]


def test_every_room_has_its_place():
    assert {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"} <= set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_imports_point_one_way(room):
    allowed = {*ROOMS[: ROOMS.index(room) + 1]}
    for path in files_of(room):
        assert own_imports(path) <= allowed, f"{path.name} imports from a room above it"


def test_the_batch_engine_knows_nothing_of_parsing():
    for path in files_of("batch"):
        known = {"terminal", "errors", "home", "jsonio", "layout", "numerals", "delays"}
        allowed = known | {"imaging", "storage", "batch"}
        assert own_imports(path) <= allowed, path.name


def test_pictures_are_made_without_torch():
    above = {"models", "kernels", "network", "engine", "batch"}
    for path in files_of("render", "tryon", "agnostic", "exports"):
        assert own_imports(path).isdisjoint(above), path.name
        assert not any(name.split(".")[0] == "torch" for name, _ in imports(path)), path.name


def test_torch_is_imported_at_once_only_where_the_network_lives():
    home = {
        *files_of("kernels", "network", "engine", "deploy", "training"),
        *PACKAGE.glob("bench/runtimes/*.py"),
    }
    for path in set(PACKAGE.rglob("*.py")) - home:
        names = {name.split(".")[0] for name, at_once in imports(path) if at_once}
        assert names.isdisjoint({"torch", "modelscope", "modelscope_hub", "mmcv"}), path.name


def test_the_front_of_the_service_loads_nothing_heavy():
    heavy = ("torch", "cv2", "modelscope_hub", "numba", "numpy", "PIL")
    code = (
        "import sys, m2fp_cli.server.run, m2fp_cli.jobs.model_files\n"
        f"print(*[name for name in {heavy} if name in sys.modules])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert process.stdout.strip() == b""


def test_the_command_line_loads_no_job_before_a_command_runs():
    code = (
        "import sys, m2fp_cli.cli\n"
        "print(*[name for name in sys.modules if name.startswith('m2fp_cli.jobs')])"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert process.stdout.strip() == b""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["parse", "--help"], ["serve", "--help"]]
)
def test_help_and_version_load_nothing_heavy(arguments):
    code = (
        "import sys; sys.argv[:] = ['m2fp', *sys.argv[1:]]\n"
        "from m2fp_cli.cli import main\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        f"print(*[name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    assert process.stdout != ""
    assert process.stderr.strip() == ""
