"""Objects are replaced and removed only as they were when somebody looked."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest

from m2fp_cli.batch.remote.mirror import Mirror
from m2fp_cli.batch.remote.remote import Remote
from m2fp_cli.storage.errors import ConflictError
from m2fp_cli.storage.writing import write_group
from tests.support.object_store import ObjectStore, address_of

pytestmark = pytest.mark.slow
NAME = "labels/a.png"
WRITTEN = zlib.crc32(b"written")


@pytest.fixture
def store(store_server: ObjectStore) -> Iterator[ObjectStore]:
    store_server.clear()
    store_server.put(f"out/{NAME}", "written")
    yield store_server
    store_server.clear()


@pytest.fixture
def mirror(store: ObjectStore) -> Iterator[Mirror]:
    remote = Remote()
    remote.output_folder(address_of("out"))
    assert remote.output is not None
    write_group(remote.output.tree, [(NAME, b"new")])
    yield remote.output
    remote.close()


@pytest.mark.parametrize("is_listed", [True, False])
@pytest.mark.parametrize("written", [WRITTEN, None])
def test_what_is_as_it_was_is_replaced(store, mirror, is_listed, written):
    if is_listed:
        mirror.look_up("labels")
    assert not mirror.is_edited(NAME, written)
    mirror.put_over(NAME, written)
    assert store.read(f"out/{NAME}") == b"new"


@pytest.mark.parametrize(
    ("is_listed", "written"), [(True, WRITTEN), (True, None), (False, WRITTEN)]
)
def test_what_somebody_changed_is_not_replaced(store, mirror, is_listed, written):
    if is_listed:
        mirror.look_up("labels")
    store.put(f"out/{NAME}", "corrected")
    assert mirror.is_edited(NAME, written)
    with pytest.raises(ConflictError, match=r"labels/a\.png was changed since m2fp wrote it"):
        mirror.put_over(NAME, written)
    assert store.read(f"out/{NAME}") == b"corrected"


def test_what_is_gone_is_put_anew(store, mirror):
    mirror.look_up("labels")
    store.delete(f"out/{NAME}")
    assert not mirror.is_edited(NAME, WRITTEN)
    mirror.put_over(NAME, WRITTEN)
    assert store.read(f"out/{NAME}") == b"new"
