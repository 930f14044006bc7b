"""docs/service.md is true: its curl lines are answered, and nothing of the service is left out."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from m2fp_cli.server.limits import DRAIN_SECONDS, LAST_ANSWERS_SECONDS, ServiceLimits
from m2fp_cli.server.openapi import describe_api
from tests.support.command_lines import walk_commands
from tests.support.pages import ROOT
from tests.support.scripted_service import photo_file, running_service

PAGE = (ROOT / "docs/service.md").read_text("utf-8")
CURL_LINES = re.findall(r"^    (.*\bcurl .*localhost:5000.*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def service():
    with running_service(queue=20) as running:
        running.wait_until_ready()
        yield running


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_curl_line_is_answered(service, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(photo_file())
    (tmp_path / "cloth.png").write_bytes(photo_file(fmt="PNG"))
    (tmp_path / "token.txt").write_text("0" * 32)
    (tmp_path / ".curlrc").write_text("fail\nsilent\nshow-error\n")
    lines = [line.replace("localhost:5000", f"localhost:{service.port}") for line in CURL_LINES]
    script = "\n".join(["set -euo pipefail", f"export CURL_HOME={tmp_path}", *lines])
    done = subprocess.run(
        ["bash", "-xc", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "beanie.jpg").read_bytes() == b"{}"  # what a scripted worker answers


def test_every_path_has_a_curl_line():
    called = "\n".join(CURL_LINES)
    for path in describe_api(ServiceLimits())["paths"]:
        assert f"localhost:5000{path.partition('{')[0]}" in called, path


def test_every_option_and_metric_is_explained(service):
    (serve,) = [command for command, words in walk_commands() if words == "serve"]
    options = [one.opts[0] for one in serve.params if one.name != "help"]
    families = re.findall(r"# TYPE (\w+)", service.ask("GET", "/metrics").body.decode())
    metrics = [name for name in families if not name.endswith("_created")]
    for name in (*options, *metrics):
        assert f"`{name}`" in PAGE, name


def test_a_pod_is_told_to_end_when_nobody_sends_requests_to_it_and_has_the_time_it_needs():
    pause = re.search(r'preStop: \{exec: \{command: \[sleep, "(\d+)"\]', PAGE)
    grace = re.search(r"terminationGracePeriodSeconds: (\d+)", PAGE)
    assert pause is not None
    assert grace is not None
    assert int(pause[1]) >= 5  # until all nodes know that the pod is going
    assert int(grace[1]) > int(pause[1]) + DRAIN_SECONDS + LAST_ANSWERS_SECONDS
