"""ModelScope's own client against a hub on the loopback interface."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import time

import pytest
import torch

from m2fp_cli.errors import ModelError, ModelUnavailableError
from m2fp_cli.models import registry
from m2fp_cli.models.registry import ModelSource, resolve_model
from m2fp_cli.models.weights import load_weights
from tests.support.hub_server import Hub, serve

MULTI = "cv_resnet101_image-multiple-human-parsing"
DAMO, IIC = f"damo/{MULTI}", f"iic/{MULTI}"


def checkpoint() -> bytes:
    buffer = io.BytesIO()
    torch.save({"model": {"w": torch.arange(50_000.0)}}, buffer)
    return buffer.getvalue()


WEIGHTS = checkpoint()
FILES = {
    "configuration.json": b'{"task": "image-segmentation"}',
    "pytorch_model.pt": WEIGHTS,
    "README.md": b"# card",
    "data/example.jpg": b"pixels",
}


@pytest.fixture(autouse=True)
def quick_client():
    """No waiting between attempts; what is tested is that and when there are some."""
    from m2fp_cli.models import hub

    with hub._client_limits():
        import modelscope_hub._download as download
        import modelscope_hub._download_control as control
    patch = pytest.MonkeyPatch()
    patch.setattr(download, "DOWNLOAD_INTEGRITY_RETRY_BACKOFF", 0.0)
    patch.setattr(control._DownloadControl, "sleep", lambda self, _seconds: self.check())
    yield
    patch.undo()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("M2FP_MODEL", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with serve(Hub({DAMO: dict(FILES)})) as server:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", server.url)
        yield server


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def asked(hub: Hub) -> list[tuple[str, str | None]]:
    return [(name, byte_range) for kind, name, byte_range in hub.requests if kind == "file"]


def incomplete(cache) -> bool:
    return resolvable() is None and not list(cache.rglob("pytorch_model.pt"))


def resolvable():
    try:
        return resolve_model("m2fp", download=False)
    except ModelUnavailableError:
        return None


def test_a_pull_brings_configuration_and_weights_and_nothing_else(hub, cache):
    model = resolve_model("m2fp")
    assert model.source is ModelSource.DOWNLOAD
    assert sorted(p.name for p in model.folder.iterdir()) == [
        "configuration.json",
        "pytorch_model.pt",
    ]
    assert model.folder.is_relative_to(cache)
    assert load_weights(model.folder)["w"].numel() == 50_000


def test_the_second_use_asks_the_hub_nothing(hub):
    first = resolve_model("m2fp")
    hub.requests.clear()
    second = resolve_model("m2fp")
    assert (second.folder, second.source) == (first.folder, ModelSource.CACHE)
    assert hub.requests == []


def test_an_id_without_a_short_name_is_downloaded(hub):
    hub.models["someone/m2fp-0.5"] = dict(FILES)
    first = resolve_model("someone/m2fp-0.5")
    hub.requests.clear()
    assert resolve_model("someone/m2fp-0.5").folder == first.folder
    assert hub.requests == []


def test_the_owner_s_other_name_is_tried(hub):
    hub.models = {IIC: dict(FILES)}
    assert resolve_model("m2fp").source is ModelSource.DOWNLOAD


def test_a_half_downloaded_file_is_resumed(hub, cache):
    folder = cache / f"models/damo--{MULTI}/snapshots/master"
    folder.mkdir(parents=True)
    (folder / "pytorch_model.pt.incomplete").write_bytes(WEIGHTS[:70_000])
    assert resolve_model("m2fp").weights.read_bytes() == WEIGHTS
    assert ("pytorch_model.pt", "bytes=70000-") in asked(hub)


def test_a_cut_connection_is_resumed_within_one_pull(hub):
    hub.cut_after = {"pytorch_model.pt": 60_000}
    assert resolve_model("m2fp").weights.read_bytes() == WEIGHTS
    weights = [byte_range for name, byte_range in asked(hub) if name == "pytorch_model.pt"]
    assert weights == [None, "bytes=60000-"]


def test_damaged_bytes_are_an_error_and_nothing_is_kept(hub, cache):
    hub.send_instead = {"pytorch_model.pt": WEIGHTS[:-9] + b"123456789"}
    with pytest.raises(ModelError, match=r"pytorch_model\.pt of damo/.* arrives damaged"):
        resolve_model("m2fp")
    assert incomplete(cache)


@pytest.mark.parametrize("sent", [WEIGHTS[:-5000], WEIGHTS + b"more", b""])
def test_another_size_than_listed_is_an_error_and_nothing_is_kept(hub, cache, sent):
    hub.send_instead = {"pytorch_model.pt": sent}
    with pytest.raises(ModelError, match="arrives damaged"):
        resolve_model("m2fp")
    assert incomplete(cache)


def test_a_model_that_the_hub_does_not_know_is_named(hub):
    with pytest.raises(ModelError, match=r"127\.0\.0\.1:\d+ has no model someone/nothing; check"):
        resolve_model("someone/nothing")


@pytest.mark.parametrize(
    ("missing", "named"),
    [("configuration.json", "has no configuration.json"), ("pytorch_model.pt", "no weights")],
)
def test_a_model_that_lacks_a_file_is_named(hub, missing, named):
    del hub.models[DAMO][missing]
    with pytest.raises(ModelError, match=named):
        resolve_model("m2fp")


def test_a_hub_that_is_gone_is_one_sentence_with_two_ways_out(hub, monkeypatch):
    with serve(Hub()) as gone:
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", gone.url)
    with pytest.raises(ModelUnavailableError) as caught:
        resolve_model("m2fp")
    sentence = str(caught.value)
    assert f"the hub {gone.url} cannot be reached" in sentence
    assert "`m2fp models pull m2fp`" in sentence
    assert "`--model starter`" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("status", "error", "named"),
    [
        (403, ModelError, "refuses damo/"),
        (401, ModelError, "refuses damo/"),
        (503, ModelUnavailableError, "has a server error"),
        (400, ModelError, "cannot be downloaded"),
    ],
)
def test_a_hub_that_refuses_is_one_sentence(hub, status, error, named):
    hub.status = status
    with pytest.raises(error, match=named) as caught:
        resolve_model("m2fp")
    assert "\n" not in str(caught.value)


def test_a_cached_model_needs_no_hub(hub, monkeypatch):
    first = resolve_model("m2fp")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    assert resolve_model("m2fp").folder == first.folder


def test_checking_a_cached_model_without_a_hub_does_not_call_it_missing(hub, monkeypatch):
    resolve_model("m2fp")
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelUnavailableError, match="on this machine but cannot be checked"):
        registry.fetch_model("m2fp", DAMO)


def test_a_damaged_copy_is_replaced_by_a_fetch(hub):
    weights = resolve_model("m2fp").weights
    weights.write_bytes(WEIGHTS[:-1] + b"?")
    registry.fetch_model("m2fp", DAMO)
    assert weights.read_bytes() == WEIGHTS


def test_a_cache_that_cannot_be_written_is_one_sentence(hub, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=r"cannot write .* set MODELSCOPE_CACHE"):
        resolve_model("m2fp")


def test_a_download_prints_nothing_and_reports_its_progress(hub, capfd):
    events: list[tuple[str, int, int]] = []
    resolve_model("m2fp", progress=lambda *event: events.append(event))
    assert max(event for event in events if event[0] == "pytorch_model.pt") == (
        "pytorch_model.pt",
        len(WEIGHTS),
        len(WEIGHTS),
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hang", "reason"),
    [("list", "stopped answering"), ("files", r"stopped sending \S+")],
)
def test_a_hub_that_hangs_is_given_up_in_bounded_time(hub, hang, reason):
    """In a process of its own: the client reads its limits when it is imported."""
    hub.hang = hang
    limits = {
        "MODELSCOPE_REPO_TREE_PAGE_TIMEOUT_SECONDS": "1",
        "MODELSCOPE_REPO_TREE_PAGE_MAX_ATTEMPTS": "1",
        "MODELSCOPE_DOWNLOAD_TIMEOUT": "1",
        "MODELSCOPE_DOWNLOAD_MAX_RETRIES": "0",
    }
    code = "from m2fp_cli.models.registry import resolve_model; resolve_model('m2fp')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **limits, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,  # the client is imported, on a machine that may be busy
        check=False,
    )
    assert 0 < time.monotonic() - hub.first_asked < 15
    assert done.stdout == ""
    sentence = rf"ModelUnavailableError: the files of m2fp .* {reason}; run `m2fp models pull m2fp`"
    assert re.search(sentence, done.stderr.splitlines()[-1])


def test_our_limits_hold_when_the_client_is_imported_first_by_us():
    code = (
        "from m2fp_cli.models.hub import _client_limits\n"
        "with _client_limits(): import modelscope_hub.constants as c\n"
        "import os, sys\n"
        "assert not [k for k in os.environ if k.startswith('MODELSCOPE_')], os.environ\n"
        "assert 'torch' not in sys.modules\n"
        "print(c.API_CONNECT_TIMEOUT, c.DOWNLOAD_TIMEOUT, c.DOWNLOAD_RETRY_TIMES)"
    )
    env = {key: value for key, value in os.environ.items() if not key.startswith("MODELSCOPE_")}
    env["PYTHONPATH"] = os.pathsep.join(sys.path)
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (out.stdout.strip(), out.stderr) == ("5 20 3", "")
