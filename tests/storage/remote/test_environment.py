from __future__ import annotations

import pytest

from m2fp_cli.errors import StoreError
from m2fp_cli.storage.remote.address import StoreAddress
from m2fp_cli.storage.remote.environment import allows_http, check_environment
from m2fp_cli.storage.remote.objects import Bucket


@pytest.mark.parametrize("value", ["127.0.0.1:9000", "", "http://", "http://a:9\n", "http://a :9"])
def test_an_endpoint_that_is_no_address_is_named_not_panicked_over(value, monkeypatch):
    pytest.importorskip("obstore", reason="needs the extra cloud")
    monkeypatch.setenv("AWS_ENDPOINT_URL", value)
    with pytest.raises(StoreError, match=r"AWS_ENDPOINT_URL is .*; give the store's address"):
        Bucket(StoreAddress("s3", "shop"))


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "AWS_REGION"])
@pytest.mark.parametrize("value", ["hunter2\n", "hunter2\r", " hunter2"])
def test_a_line_end_in_a_key_is_named_and_the_key_is_not(name, value):
    with pytest.raises(StoreError, match=f"{name} has a space or a line end") as caught:
        check_environment("s3", {name: value})
    assert "hunter2" not in str(caught.value)
    check_environment("az", {name: value})


def test_what_stores_are_reached_with_passes():
    check_environment("s3", {"AWS_ENDPOINT_URL": "HTTPS://s3.example.com/", "AWS_REGION": ""})
    check_environment("az", {"AZURE_STORAGE_ACCOUNT_KEY": "a+b/c=="})
    assert allows_http({"AWS_ENDPOINT_URL": "HTTP://127.0.0.1:9000"})
    assert not allows_http({"AWS_ENDPOINT_URL": "https://s3.example.com"})
