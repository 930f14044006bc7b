"""What tests share: a tiny model, an object store, and the extra of the equality tests."""

from __future__ import annotations

import functools
import gc
import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

if TYPE_CHECKING:
    from tests.support.object_store import ObjectStore

# Where nothing may be kept (PYTHONDONTWRITEBYTECODE), pytest rewrites the assertions of every file
# in each process and each run, and every process that a test starts compiles the package. So keep
# it, beside numba's, in the checkout's __pycache__, which git ignores and `make clean` removes.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

if "PYTEST_XDIST_WORKER" in os.environ:
    # Two processes whose threads wait for each other on the same cores stand still. It counts for
    # what is imported later, torch above all.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

REQUIRE_REFERENCE = os.environ.get("M2FP_REQUIRE_REFERENCE", "") not in ("", "0")


@functools.cache
def why_no_reference() -> str:
    """Which part of the extra `reference` is missing; empty when all are there.

    Nothing is imported: what is there but does not start makes its tests fail, as it should.
    """
    wanted = ("mmcv", "modelscope", "torchvision", "timm", "transformers", "datasets")
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    mmcv = importlib.util.find_spec("mmcv")
    folders = mmcv.submodule_search_locations or [] if mmcv else []
    has_ops = any(path for folder in folders for path in Path(folder).glob("_ext.*"))
    return "" if has_ops else "mmcv-full was built without its ops"


@pytest.fixture(scope="session", autouse=True)
def commands_built_once() -> Iterator[None]:
    """Keep the tree of commands, which Typer builds anew for each call of the command line.

    Building it takes ten times as long as a call that is refused.
    """
    build_once = functools.cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("typer.main.get_command", build_once)
        patch.setattr("typer.testing._get_command", build_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def workers_born_ready() -> Iterator[None]:
    """Have worker processes start with their modules imported."""
    from tests.support.fork_servers import preloaded_workers

    with preloaded_workers():
        yield


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose network parses a photo in milliseconds; to be read only."""
    from tests.support.tiny_model import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def store_server() -> Iterator[ObjectStore]:
    """An object store that answers on this machine, and workers that know of it."""
    from tests.support.fork_servers import fresh_fork_server
    from tests.support.object_store import running_store

    with running_store() as store, fresh_fork_server():
        yield store


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol():
    """Give torch its threads back after a test, such as of a command that takes all cores.

    All tests behind it would compute in as many, which wait for each other and for the other
    process of pytest: on two busy cores the same parse takes ten times as much CPU time.
    """
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    try:
        return (yield)
    finally:
        if torch and torch.get_num_threads() != before:
            torch.set_num_threads(before)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage among what is imported and collected: all of it stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the equality tests where the extra `reference` is not installed."""
    if item.get_closest_marker("reference") and why_no_reference():
        pytest.skip(f"needs the extra 'reference': {why_no_reference()}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """With M2FP_REQUIRE_REFERENCE=1, an equality test that skips itself has failed."""
    report = yield
    if REQUIRE_REFERENCE and item.get_closest_marker("reference"):
        return failed_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    """With M2FP_REQUIRE_REFERENCE=1, no whole module may skip itself either."""
    report = yield
    return failed_if_skipped(report) if REQUIRE_REFERENCE else report


def failed_if_skipped(report):
    """The report, a skip turned into a failure that says why."""
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"M2FP_REQUIRE_REFERENCE is set, but this was skipped: {report.longrepr}"
    return report
