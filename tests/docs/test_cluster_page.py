"""docs/cluster.md gives schedulers what they take, and the image what its recipes need."""

from __future__ import annotations

import json
import re

from m2fp_cli.batch.remote.lease import STALE_SECONDS
from tests.support.pages import ROOT

PAGE = (ROOT / "docs/cluster.md").read_text("utf-8")
IMAGE = (ROOT / "Dockerfile").read_text("utf-8")


def test_a_job_of_aws_batch_has_few_enough_rules_and_the_arguments_of_the_image():
    job = json.loads(re.findall(r"^```json\n(\{\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[0])
    rules = job["retryStrategy"]["evaluateOnExit"]
    assert len(rules) <= 5
    assert {rule.get("onExitCode") for rule in rules} >= {"3", "2", "66", "73"}
    assert 'ENTRYPOINT ["m2fp"]' in IMAGE
    assert job["containerOverrides"]["command"][0] == "parse"


def test_slices_with_broken_photos_do_not_end_a_job_of_kubernetes():
    assert "maxFailedIndexes:" not in PAGE


def test_a_pod_of_kubernetes_does_not_take_the_whole_node_for_its_own():
    limits = re.search(r"limits: \{(.*)\}", PAGE)
    assert limits is not None
    assert {"cpu", "memory"} <= set(re.findall(r"\w+(?=:)", limits[1]))


def test_parallel_begins_one_slice_a_machine():
    assert re.findall(r"^parallel (.*?) --joblog", PAGE, re.MULTILINE) == ["-j 1 -S node1,node2"]


def test_a_job_of_kubernetes_retries_until_the_lock_of_a_killed_pod_is_free():
    found = re.search(r"backoffLimitPerIndex: (\d+)", PAGE)
    assert found is not None
    pauses = [10 * 2**retry for retry in range(int(found[1]))]  # seconds; at most six minutes each
    assert sum(pauses[:-1]) > STALE_SECONDS  # with one to spare: something else may fail, too


def test_the_image_reads_object_stores():
    extras = re.search(r"pip install '/src\[([\w,]+)\]'", IMAGE)
    assert extras is not None
    assert {"serve", "cloud"} <= set(extras[1].split(","))


def test_every_machine_of_a_ray_cluster_asks_for_the_token_and_shows_it():
    (commands,) = re.findall(r"(?:^    .*\n)*^    ray start --head.*\n", PAGE, re.MULTILINE)
    assert "export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=" in commands.splitlines()[0]
