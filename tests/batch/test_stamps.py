"""How files are known again where they cannot be read whole."""

from __future__ import annotations

from m2fp_cli.batch import stamps
from m2fp_cli.batch.stamps import GONE, stamp_files


def test_a_file_that_does_not_fit_into_memory_ends_no_worker(tmp_path, monkeypatch):
    """Its reader, which stamps before it loads, would die, and its worker wait for ever."""
    photo = tmp_path / "a.jpg"
    photo.write_bytes(b"a")

    def read(_):
        raise MemoryError

    monkeypatch.setattr(stamps, "read_bytes", read)
    (stamp,) = stamp_files([photo], checksum=True)
    assert (stamp.size, stamp.sha256) == (GONE, "")
