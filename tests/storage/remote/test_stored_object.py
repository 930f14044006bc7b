from __future__ import annotations

import datetime

from m2fp_cli.storage.remote.stored_object import NANOSECONDS, Version, as_object, as_update

TIME = datetime.datetime(2026, 5, 4, 3, 2, 1, tzinfo=datetime.timezone.utc)


def stamp_of(etag):
    answer = {"path": "a.jpg", "size": 5, "last_modified": TIME, "e_tag": etag, "version": None}
    return as_object(answer).mtime_ns


def test_a_change_within_a_second_is_seen_and_quotes_are_none():
    assert stamp_of('"abc"') == stamp_of("abc") != stamp_of("abd")
    assert stamp_of("abc") // NANOSECONDS == TIME.timestamp()


def test_a_put_names_what_the_store_knows_of_a_version():
    assert as_update(Version("abc")) == {"e_tag": "abc"}
    assert as_update(Version("abc", "7")) == {"e_tag": "abc", "version": "7"}
