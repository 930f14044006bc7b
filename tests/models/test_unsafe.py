"""Files that would run code if they were unpickled; none of them may."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch

from m2fp_cli.errors import ModelError
from m2fp_cli.models.pickled import _STAND_INS
from m2fp_cli.models.weights import load_weights, read_shapes, verify_weights


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "code-ran"


def touching(mark: Path) -> Calls:
    return Calls(os.system, f"touch {mark}")


def write_zip(folder: Path, pickle_bytes: bytes, extra: dict[str, bytes] | None = None) -> Path:
    with zipfile.ZipFile(folder / "pytorch_model.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle_bytes)
        for name, content in (extra or {"archive/data/0": bytes(16)}).items():
            archive.writestr(name, content)
    return folder


def tensor_pickle(shape: str = "I4\n", numel: int = 4, key: str = "0", end: str = "") -> bytes:
    """Text pickle of {"w": tensor}; ``end`` is run with the tensor on the stack."""
    return (
        f"(dS'w'\nctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\n"
        f"S'{key}'\nS'cpu'\nI{numel}\ntQI0\n({shape}t(I1\ntI00\nNtR{end}s."
    ).encode()


def refused(folder: Path, match: str) -> None:
    for read in (load_weights, read_shapes, verify_weights):
        with pytest.raises(ModelError, match=match) as caught:
            read(folder)
        assert "\n" not in str(caught.value)


def test_an_ordinary_unpickler_runs_the_code(tmp_path, mark):
    torch.save(touching(mark), tmp_path / "pytorch_model.pt")
    torch.load(tmp_path / "pytorch_model.pt", weights_only=False)
    assert mark.exists()


def test_the_pickle_written_here_is_a_good_one(tmp_path):
    state = load_weights(write_zip(tmp_path, tensor_pickle()))
    assert torch.equal(state["w"], torch.zeros(4))


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("where", ["top", "value", "beside", "key"])
def test_a_call_of_the_shell_is_named_and_not_made(tmp_path, mark, zipped, protocol, where):
    call, state = touching(mark), {"w": torch.zeros(2)}
    content = {
        "top": call,
        "value": {"model": {"w": call}},
        "beside": {"model": state, "args": [call]},
        "key": {"model": OrderedDict([((call,), 1)])},
    }[where]
    options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": zipped}
    torch.save(content, tmp_path / "pytorch_model.pt", **options)
    refused(tmp_path, r"contains code \((posix|nt)\.system\)")
    assert not mark.exists()


@pytest.mark.parametrize(
    "name",
    [
        "builtins eval",
        "builtins getattr",
        "torch load",
        "torch.hub load",
        "torch.serialization load",
        "torch._utils _rebuild_device_tensor_from_numpy",
        "numpy.core.multiarray _reconstruct",
        "collections OrderedDict.fromkeys",
        "collections defaultdict",
        "functools partial",
        "torch storage._load_from_bytes",
        "torch.storage _load_from_bytes",
    ],
)
def test_only_names_that_rebuild_tensors_are_known(tmp_path, name):
    module, attribute = name.split(" ")
    content = f"c{module}\n{attribute}\n(S'x'\ntR.".encode()
    refused(write_zip(tmp_path, content), rf"contains code \({module}\.{attribute}\)")


def test_a_call_inside_a_persistent_id_is_not_made(tmp_path, mark):
    content = f"(S'storage'\ncposix\nsystem\n(S'touch {mark}'\ntRS'0'\nS'cpu'\nI1\ntQ.".encode()
    refused(write_zip(tmp_path, content), r"contains code \(posix\.system\)")
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["module", "storage ", ""])
def test_other_persistent_objects_are_refused(tmp_path, kind):
    content = f"(S'{kind}'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nI4\ntQ.".encode()
    refused(write_zip(tmp_path, content), "damaged")


@pytest.mark.parametrize("stage", range(5))
def test_every_pickle_of_the_older_format_is_guarded(tmp_path, mark, stage):
    buffer = io.BytesIO()
    torch.save({"w": torch.zeros(2)}, buffer, _use_new_zipfile_serialization=False)
    buffer.seek(0)
    parts = []
    for _ in range(5):
        start = buffer.tell()
        for _opcode in pickletools.genops(buffer):
            pass
        parts.append(buffer.getvalue()[start : buffer.tell()])
    parts[stage] = pickle.dumps(touching(mark))
    (tmp_path / "pytorch_model.pt").write_bytes(b"".join(parts) + buffer.read())
    refused(tmp_path, r"contains code \(posix\.system\)")
    assert not mark.exists()


def test_the_tar_format_is_not_read(tmp_path, mark):
    with tarfile.open(tmp_path / "pytorch_model.pt", "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            content = pickle.dumps(touching(mark))
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    refused(tmp_path, "damaged or not a checkpoint")
    assert not mark.exists()


def test_torchscript_archives_are_refused(tmp_path):
    linear = torch.jit.script(torch.nn.Linear(2, 2))  # type: ignore[attr-defined]
    linear.save(str(tmp_path / "pytorch_model.pt"))
    refused(tmp_path, "contains code|damaged")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (tensor_pickle(shape="I5\n"), "reaches beyond its data"),
        (tensor_pickle(shape="I-1\n"), "a size that is negative or not an integer"),
        (tensor_pickle(shape="I2\nI2\n"), "one stride for each size"),
        (tensor_pickle(shape="F4.0\n"), "a size that is negative or not an integer"),
        (tensor_pickle(numel=400, shape="I400\n"), "another length"),
        (tensor_pickle(numel=-4), "damaged"),
        (tensor_pickle(key="1"), "data/1 is not in it"),
        (tensor_pickle(key="../../etc/passwd"), "is not in it"),
    ],
)
def test_a_tensor_never_reaches_outside_its_bytes(tmp_path, content, match):
    refused(write_zip(tmp_path, content), match)


@pytest.mark.parametrize(
    "state",
    [
        "(dS'offset'\nI900\nsb",
        "(N(dS'offset'\nI900\nstb",
        "(N(dS'shape'\n(I900\ntstb",
        "(N(dS'__class__'\nI1\nstb",
    ],
)
def test_a_pickle_cannot_change_what_was_checked(tmp_path, state):
    refused(write_zip(tmp_path, tensor_pickle(end=state)), "damaged")


@pytest.mark.parametrize("target", sorted(_STAND_INS))
@pytest.mark.parametrize("state", ["(dS'itemsize'\nI0\nsb", "(N(dS'itemsize'\nI0\nstb"])
def test_a_pickle_cannot_change_the_reader(tmp_path, target, state):
    before = repr(_STAND_INS[target]), dict(vars(OrderedDict))
    write_zip(tmp_path, f"c{target[0]}\n{target[1]}\n{state}.".encode())
    refused(tmp_path, "damaged")
    assert (repr(_STAND_INS[target]), dict(vars(OrderedDict))) == before


def test_compressed_entries_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "pytorch_model.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", tensor_pickle())
        archive.writestr("archive/data/0", bytes(16))
    refused(tmp_path, "compressed")


def test_a_small_entry_that_unpacks_to_much_is_not_unpacked(tmp_path):
    path = write_zip(tmp_path, tensor_pickle()) / "pytorch_model.pt"
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/byteorder", bytes(1 << 24))
    assert path.stat().st_size < 1 << 16
    refused(tmp_path, "compressed")


def test_big_endian_files_are_refused(tmp_path):
    extra = {"archive/data/0": bytes(16), "archive/byteorder": b"big"}
    refused(write_zip(tmp_path, tensor_pickle(), extra), "big-endian")


def test_a_directory_that_lies_about_a_place_is_refused(tmp_path):
    path = write_zip(tmp_path, tensor_pickle()) / "pytorch_model.pt"
    content = path.read_bytes()
    entry = content.rindex(b"archive/data/0") - 4
    path.write_bytes(content[:entry] + struct.pack("<I", 3) + content[entry + 4 :])
    refused(tmp_path, "damaged")


def test_a_deeply_nested_or_endless_pickle_is_an_error(tmp_path):
    refused(write_zip(tmp_path, b"(" * 100_000), "damaged")
    refused(write_zip(tmp_path, b"]" + b"]a" * 100_000 + b"."), "damaged")
