"""Damage to data: bytes, and JSON documents whose values are of the wrong kind."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

from hypothesis import strategies as st

_TEXTS = (
    "", "\x1b[2J\x1b]0;owned\x07", "\u202egpj.exe", "a\nb", "\udcff", "../../etc/passwd",
    "/etc/passwd", "x" * 5000, "</script><script>alert(1)</script>", "\0", "%s%n",
    "NaN", "1e999", "CON",
)  # fmt: skip
_NUMBERS = (
    0, -1, 1, 2, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63,
    2**64, 10**19, 10**400, -(10**400), 0.0, -0.0, 1e-320, 1e308, float("inf"), float("-inf"),
    float("nan"), 0.5, 1e9,
)  # fmt: skip


def hostile_values() -> st.SearchStrategy[Any]:
    """A value that a reader does not expect."""
    atoms = st.one_of(
        st.none(), st.booleans(), st.sampled_from(_NUMBERS), st.sampled_from(_TEXTS), st.text()
    )
    nested = st.recursive(
        atoms,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=8,
    )
    return st.one_of(atoms, nested, st.integers(1, 3000).map(deep))


def deep(levels: int) -> Any:
    """A list in a list in a list."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@st.composite
def changed_documents(draw: st.DrawFn, documents: tuple[Any, ...]) -> Any:
    """One of some JSON documents with up to four of its values changed, left out or added."""
    document = copy.deepcopy(draw(st.sampled_from(documents)))
    for _ in range(draw(st.integers(1, 4))):
        document = _changed_once(draw, document)
    return document


def _changed_once(draw: st.DrawFn, document: Any) -> Any:
    parent: Any = None
    key: Any = None
    here = document
    while isinstance(here, dict | list) and here:
        keys = sorted(here) if isinstance(here, dict) else list(range(len(here)))
        parent, key = here, draw(st.sampled_from(keys))
        here = here[key]
        if draw(st.integers(0, 2)) == 0:
            break
    if parent is None:
        return draw(hostile_values())
    act = draw(st.sampled_from(("replace", "replace", "replace", "leave out", "repeat")))
    if act == "replace":
        parent[key] = draw(hostile_values())
    elif act == "leave out":
        del parent[key]
    elif isinstance(parent, list):
        parent.extend([here] * draw(st.sampled_from((1, 3, 300))))  # too deep to copy, at times
    else:
        parent[draw(st.text(max_size=5))] = here
    return document


def as_text(document: Any) -> bytes:
    """A document as JSON, or as close to it as its values allow."""
    try:
        text = json.dumps(document)
    except (ValueError, RecursionError):  # deeper than Python writes
        text = "[" * 100_000
    return text.encode("ascii", "replace")


@st.composite
def damaged_bytes(draw: st.DrawFn, files: tuple[bytes, ...]) -> bytes:
    """One of some files, with its bytes damaged by up to eight edits."""
    data = draw(st.sampled_from(files))
    return damage(data, random.Random(draw(st.integers(0, 2**32))))


def hostile_documents(*documents: Any) -> st.SearchStrategy[bytes]:
    """JSON text: documents with changed values, some with damaged bytes as well."""
    texts = changed_documents(documents).map(as_text)
    whole = tuple(as_text(document) for document in documents)
    return st.one_of(texts, texts, texts, damaged_bytes(whole), st.binary(max_size=64))


def damage(data: bytes, rng: random.Random) -> bytes:
    """Some bytes with up to eight edits: flips, numbers at their limits, cuts, repeats, moves."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        if not out:
            break
        place = rng.choice((rng.randrange(len(out)), rng.randrange(min(len(out), 128))))
        length = rng.choice((1, 2, 4, 8, 64, rng.randrange(1, len(out) + 1)))
        act = rng.randrange(7)
        if act == 0:
            out[place] ^= 1 << rng.randrange(8)
        elif act == 1:
            limit = rng.choice(
                (0, 1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
            )
            size = rng.choice((1, 2, 4))
            kept = limit & (256**size - 1)
            out[place : place + size] = kept.to_bytes(size, rng.choice(("big", "little")))
        elif act == 2:
            out[place : place + length] = b""
        elif act == 3:
            out[place:place] = out[place : place + length]
        elif act == 4:
            out[place:place] = bytes([rng.randrange(256)]) * length
        elif act == 5 and rng.random() < 0.3:
            del out[place:]
        else:
            other = rng.randrange(len(out))
            out[place : place + length] = out[other : other + length]
        del out[4 << 20 :]
    return bytes(out)
