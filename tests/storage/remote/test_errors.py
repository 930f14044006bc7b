from __future__ import annotations

import pytest

from m2fp_cli.errors import StoreError
from m2fp_cli.storage.remote import objects
from m2fp_cli.storage.remote.address import StoreAddress
from m2fp_cli.storage.remote.errors import ObjectArchivedError, ObjectDeniedError, as_store_error
from m2fp_cli.storage.remote.objects import Bucket

ADDRESS = StoreAddress("s3", "shop", "photos")


@pytest.mark.parametrize("is_list", [True, False], ids=["list", "head"])
def test_a_store_that_does_not_answer_is_named_with_the_cause(is_list, monkeypatch):
    pytest.importorskip("obstore", reason="needs the extra cloud")
    monkeypatch.setattr(objects, "_MAX_RETRIES", 0)
    monkeypatch.setattr(objects, "_PAUSES", ())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    bucket = Bucket(ADDRESS)
    with pytest.raises(StoreError, match=r"http://127.0.0.1:1: .* \(Connection refused\); check"):
        list(bucket.walk("photos")) if is_list else bucket.head("photos/a.jpg")


def test_a_name_with_a_line_end_is_said_to_have_one():
    obstore = pytest.importorskip("obstore", reason="needs the extra cloud")
    error = obstore.exceptions.InvalidPathError('Error parsing Path "photos/a.jpg\r": Encountered')
    found = as_store_error(obstore, ADDRESS, error, writing=False)
    assert "photos/a.jpg\\r has an empty part, a dot as a part or a line end or tab" in str(found)


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("RequestTimeTooSkewed", StoreError, "the clock of this machine is wrong; set it"),
        ("InvalidObjectState", ObjectArchivedError, "it is in an archive class of the store"),
        ("AccessDenied", ObjectDeniedError, "the store refuses access (AccessDenied); check"),
    ],
)
def test_a_refusal_is_said_with_what_mends_it(code, kind, said):
    obstore = pytest.importorskip("obstore", reason="needs the extra cloud")
    answer = f"status code: 403 Forbidden <Error><Code>{code}</Code></Error>"
    refused = obstore.exceptions.PermissionDeniedError(answer)
    found = as_store_error(obstore, ADDRESS, refused, writing=False)
    assert type(found) is kind
    assert said in str(found)
