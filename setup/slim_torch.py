"""Take CUDA out of an installed PyTorch: 3.2 GB become 0.63 GB, and CPUs compute the same.

For images of containers where PyTorch's index of CPU wheels cannot be reached and the usual index
gives the wheel with CUDA. Standard library, ``nm`` and ``gcc`` only.

The wheel's CUDA libraries cannot just be deleted: the Python binding names them and some of their
symbols. Each is replaced by a stub of the same name that defines what is asked of it. Functions in
a stub stop the program, and none is called as long as nobody asks for a GPU; type information is
real, because the binding registers classes with it when it is imported.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

LOADED_LATER = ("libtorch_cuda_linalg.so", "libcaffe2_nvrtc.so")  # nobody links to them
STUBBED = ("libtorch_cuda.so", "libtorch_cuda_cpp.so", "libtorch_cuda_cu.so")
FOREIGN = ("libcublas.so.11", "libcudnn.so.8")  # from the nvidia packages, which are taken out
USELESS = ("include", "test", "share/cmake")  # for building extensions
_FUNCTIONS = "TWti"  # kinds of symbols as nm names them
_CLASS_INFO = "_ZTVN10__cxxabiv117__class_type_infoE+16"  # Itanium C++ ABI, 2.9.5


def main() -> int:
    """Slim the torch of the running Python; 0 if there is nothing left to do."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        print("slim_torch: torch is not installed", file=sys.stderr)
        return 1
    root = Path(spec.origin).parent
    before = size_of(root.parent)
    if (root / "lib" / LOADED_LATER[0]).exists():
        slim(root)
    remove_nvidia()
    for name in USELESS:
        shutil.rmtree(root / name, ignore_errors=True)
    print(f"slim_torch: {before:.0f} MB of packages became {size_of(root.parent):.0f} MB")
    return 0


def slim(root: Path) -> None:
    """Replace the CUDA libraries of a torch package by stubs."""
    lib = root / "lib"
    kept = [
        path
        for path in (*lib.glob("*.so*"), *root.glob("*.so"))
        if path.name not in (*LOADED_LATER, *STUBBED, *FOREIGN)
    ]
    wanted: set[str] = set()
    defined: set[str] = set()
    for path in kept:
        wanted |= symbols_of(path, "--undefined-only").keys()
        defined |= symbols_of(path, "--defined-only").keys()
    for name in STUBBED:
        own = symbols_of(lib / name, "--defined-only")
        asked = {symbol: kind for symbol, kind in own.items() if symbol in wanted - defined}
        write_stub(lib / name, asked)
    for name in FOREIGN:
        prefix = name.removeprefix("lib").partition(".")[0]
        asked = {symbol: "T" for symbol in wanted if symbol.startswith(prefix)}
        write_stub(lib / name, asked, version=name)
    for name in LOADED_LATER:
        (lib / name).unlink(missing_ok=True)


def symbols_of(path: Path, which: str) -> dict[str, str]:
    """Kinds of a library's symbols by name, without versions."""
    command = ["nm", "--dynamic", which, "--format=posix", str(path)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {line.split()[0].partition("@")[0]: line.split()[1] for line in lines if line}


def write_stub(path: Path, symbols: dict[str, str], version: str = "") -> None:
    """Write a shared library that defines some symbols.

    Args:
        path: of the library; its name becomes the library's own.
        symbols: kinds by name, as ``nm`` tells them.
        version: of the symbols; empty for none.
    """
    lines = [line for symbol, kind in symbols.items() for line in assembly(symbol, kind)]
    lines.append('.section .note.GNU-stack,"",@progbits')
    path.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as text:
        source, versions = Path(text, "stub.s"), Path(text, "stub.map")
        source.write_text("\n".join(lines) + "\n")
        versions.write_text(f"{version} {{ global: *; }};\n")
        options = [f"-Wl,-soname,{path.name}"]
        if version:
            options.append(f"-Wl,--version-script={versions}")
        command = ["gcc", "-shared", "-nostdlib", *options, "-o", str(path), str(source)]
        subprocess.run(command, check=True)


def assembly(symbol: str, kind: str) -> list[str]:
    """One symbol of a stub."""
    if kind in _FUNCTIONS:
        return [".text", f'.globl "{symbol}"', f'.type "{symbol}",@function', f'"{symbol}":', "ud2"]
    head = [
        ".data",
        ".balign 16",
        f'.globl "{symbol}"',
        f'.type "{symbol}",@object',
        f'"{symbol}":',
    ]
    if symbol.startswith("_ZTI"):
        name = symbol.removeprefix("_ZTI")
        return [*head, f".quad {_CLASS_INFO}", ".quad 1f", ".quad 0", f'1: .asciz "{name}"']
    return [*head, ".zero 256"]


def remove_nvidia() -> None:
    """Take out the packages with NVIDIA's libraries, and that torch asks for them."""
    for package in list(importlib.metadata.distributions()):
        name = package.metadata["Name"] or ""
        if name.startswith("nvidia-"):
            for file in package.files or ():
                Path(str(package.locate_file(file))).unlink(missing_ok=True)
            shutil.rmtree(Path(str(package.locate_file("nvidia"))), ignore_errors=True)
    torch = importlib.metadata.distribution("torch")
    folder = f"torch-{torch.version}.dist-info"
    metadata = Path(str(torch.locate_file(f"{folder}/METADATA")))
    lines = metadata.read_text("utf-8").splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith("Requires-Dist: nvidia-")]
    metadata.write_text("".join(kept), encoding="utf-8")


def size_of(folder: Path) -> float:
    """Megabytes of all files below a folder."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    sys.exit(main())
