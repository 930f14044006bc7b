from __future__ import annotations

import codecs
import contextlib
import json
import os
import tempfile
import threading
from pathlib import Path

import pytest

from m2fp_cli.batch.listing import list_lines, open_list
from m2fp_cli.batch.scan import find_images
from m2fp_cli.batch.shard import Shard
from m2fp_cli.batch.tasks import ImageTask, Scan
from m2fp_cli.batch.walk import ScanRules
from m2fp_cli.errors import NoImagesError, NoInputError, OutputError, UsageError
from tests.support.hostile_folders import AWKWARD_NAMES, make_awkward_photos

OUTPUT = Path("/out")


def write_list(path: Path, tasks: list[ImageTask]) -> Path:
    path.write_text("".join(f"{line}\n" for line in list_lines(tasks)))
    return path


def read(path: Path, shard: Shard | None = None, rules: ScanRules | None = None) -> Scan:
    with open_list(path) as photos:
        return photos.scan(shard, output=OUTPUT, rules=rules or ScanRules())


def numbered(count: int) -> list[ImageTask]:
    return [ImageTask(f"/p/{'x' * (n % 7)}{n}.jpg", f"{n}") for n in range(count)]


def line_of(**values: object) -> str:
    return json.dumps({"photo": "/p/a.jpg", "key": "a", **values})


def test_a_list_gives_what_the_folders_would(tmp_path):
    (tmp_path / "photos").mkdir()
    make_awkward_photos(tmp_path / "photos")
    rules = ScanRules(recursive=True, stamps=True)
    found = find_images([tmp_path / "photos"], output=None, rules=rules)
    assert len(found.tasks) >= len(AWKWARD_NAMES)
    again = read(write_list(tmp_path / "photos.jsonl", list(found.tasks)))
    assert list(again.tasks) == list(found.tasks)
    first = found.tasks[0]
    assert first.listed is not None
    assert first.listed.size == first.source.stat().st_size


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50, 120])
def test_each_line_is_in_exactly_one_slice_and_slices_stand_together(tmp_path, count):
    tasks = numbered(50)
    path = write_list(tmp_path / "photos.jsonl", tasks)
    parts = [read(path, Shard(number, count)) for number in range(1, count + 1)]
    assert [task for part in parts for task in part.tasks] == tasks
    assert len({part.listing for part in parts}) == 1


def test_a_slice_costs_the_same_wherever_it_lies(tmp_path):
    path = write_list(tmp_path / "photos.jsonl", numbered(20_000))
    with open_list(path) as photos:
        reads: list[int] = []
        real = photos.file.readline

        def counted(size: int) -> bytes:
            reads.append(1)
            return real(size)

        photos.file.readline = counted  # type: ignore[assignment, method-assign]
        photos.scan(Shard(99, 100), output=OUTPUT, rules=ScanRules())
    assert len(reads) < 250


def test_lists_are_told_apart_by_their_content_alone(tmp_path):
    one, other = (write_list(tmp_path / name, numbered(500)) for name in ("one", "other"))
    os.utime(other, (1, 1))
    shard = Shard(1, 2)
    assert read(one, shard).listing == read(other, shard).listing
    write_list(other, numbered(501))
    assert read(one, shard).listing != read(other, shard).listing


def test_a_pipe_is_read_like_a_file(tmp_path):
    tasks = numbered(5000)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=write_list, args=(tmp_path / "pipe", tasks))
    writer.start()
    piped = read(tmp_path / "pipe", Shard(2, 2))
    writer.join()
    assert piped == read(write_list(tmp_path / "photos.jsonl", tasks), Shard(2, 2))


def test_plain_paths_are_named_as_on_the_command_line(tmp_path, monkeypatch):
    for name in ("a/x.jpg", "b/x.jpg", "c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "list").write_text("a/x.jpg\n\nb/x.jpg\r\nc.jpg")
    monkeypatch.chdir(tmp_path)
    found = read(tmp_path / "list", rules=ScanRules(prefix="p"))
    assert [task.key for task in found.tasks] == ["p/a/x", "p/b/x", "p/c"]


def test_lists_that_editors_of_windows_saved_lose_no_photo(tmp_path):
    path = write_list(tmp_path / "photos.jsonl", numbered(9))
    plain = [read(path, Shard(number, 2)) for number in (1, 2)]
    path.write_bytes(codecs.BOM_UTF8 + path.read_bytes().replace(b"\n", b"\r\n"))
    marked = [read(path, Shard(number, 2)) for number in (1, 2)]
    assert [task for part in marked for task in part.tasks] == [
        task for part in plain for task in part.tasks
    ]
    (tmp_path / "a.jpg").touch()
    path.write_text(f"{tmp_path / 'a.jpg'}\r\n", encoding="utf-8-sig")
    assert [task.key for task in read(path).tasks] == ["a"]
    path.write_text(f"{tmp_path / 'a.jpg'}\r\n", encoding="utf-16")
    with pytest.raises(UsageError, match=r"photos.jsonl is a text in UTF-16; save it as UTF-8"):
        read(path)


@pytest.mark.parametrize("content", [b"/a.jpg\0/b.jpg\0", b"\xff\xd8\xff\xe0\0\x10JFIF\0\n"])
def test_what_is_no_text_is_no_list(tmp_path, content):
    path = tmp_path / "photos.list"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"photos.list holds null bytes; name a text with"):
        read(path)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([line_of(), line_of()], '"key" a is there twice'),
        ([line_of(key=f"k{n % 2400}") for n in range(2500)], '"key" k0 is there twice'),
        ([line_of(), line_of(key="../../etc/a")], "at byte 34"),
        ([line_of(), '{"photo": "/p/b.jpg", "k'], "not valid JSON"),
        ([line_of(photo="a.jpg")], "absolute path"),
        ([line_of(photo="/a\0.jpg")], "absolute path"),
        ([line_of(key="a\ud800")], "at byte 0"),
        ([line_of(size=-1)], "at byte 0"),
        ([line_of(), "/p/b.jpg"], "not valid JSON"),
        ([line_of(key="a" * 70_000)], "too long"),
    ],
    ids=[
        "twice",
        "twice later",
        "upwards",
        "torn",
        "relative",
        "nul",
        "surrogate",
        "size",
        "mixed",
        "endless",
    ],
)
def test_a_wrong_line_is_named(tmp_path, lines, message):
    path = tmp_path / "photos.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(UsageError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_what_no_list_settles_is_refused(tmp_path):
    path = write_list(tmp_path / "photos.jsonl", numbered(1))
    with pytest.raises(UsageError, match="to m2fp scan"):
        read(path, rules=ScanRules(recursive=True))
    with pytest.raises(NoInputError, match=r"cannot read the list .*; name a list of photos"):
        read(tmp_path / "missing")
    (tmp_path / "empty").touch()
    with pytest.raises(NoImagesError, match="is empty"):
        read(tmp_path / "empty")


def test_a_key_too_long_for_the_output_is_a_failure(tmp_path):
    path = tmp_path / "photos.jsonl"
    path.write_text(line_of(key="/".join(["a" * 200] * 20)) + "\n" + line_of())
    with open_list(path) as photos:
        found = photos.scan(None, output=Path("/" + "o" * 100), rules=ScanRules())
    assert [task.key for task in found.tasks] == ["a"]
    assert [failure.reason for failure in found.failures] == ["unsupported"]


def test_no_room_for_the_copy_of_a_pipe_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    os.mkfifo(tmp_path / "pipe")

    def write() -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody has to read it
            write_list(tmp_path / "pipe", numbered(1))

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(OutputError, match="TMPDIR"):
        read(tmp_path / "pipe")
    writer.join()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs /dev/zero")
def test_endless_input_without_lines_is_not_copied(tmp_path, monkeypatch):
    made = []
    temporary = tempfile.TemporaryFile

    def watched(*args, **more):
        made.append(temporary(*args, **more))
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    with pytest.raises(UsageError, match="/dev/zero: the line at byte 0 is too long; name a list"):
        read(Path("/dev/zero"))
    assert [os.fstat(file.fileno()).st_size for file in made] == [0]


def test_a_list_that_cannot_be_read_is_no_full_disk(tmp_path):
    with pytest.raises(NoInputError, match="cannot read the list /proc/self/mem: Input/output"):
        read(Path("/proc/self/mem"))
