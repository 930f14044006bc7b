"""The COCO run-length form of masks, which results and data sets hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from m2fp_cli.jsonio import whole_of
from m2fp_cli.records.masks import EMPTY_BOX, Mask
from m2fp_cli.terminal import counted

_MAX_SIDE = 1 << 20  # pixels; of a mask that is read
_MAX_RUNS = 50_000_000
_MAX_GROUPS = 9  # of 5 bits in one count: 2**44 pixels


def encode_rle(mask: Mask) -> dict[str, Any]:
    """COCO compressed run-length form, as pycocotools reads it.

    Returns:
        ``{"size": [H, W], "counts": str}``; runs go down the columns and start with zeros.
    """
    return {"size": list(mask.image_hw), "counts": _compress(_run_lengths(mask))}


def decode_rle(rle: dict[str, Any]) -> Mask:
    """Mask of a COCO run-length object, compressed or as a list of counts.

    Raises:
        ValueError: it is not one, or the counts do not add up to the size.
    """
    height, width = (whole_of({"size": n}, "size", 0, _MAX_SIDE) for n in _pair(rle.get("size")))
    counts = rle.get("counts")
    runs = _decompress(counts) if isinstance(counts, str) else _plain_counts(counts)
    # Sums of damaged counts can overflow: each is compared before they are added.
    if ((runs < 0) | (runs > height * width)).any() or runs.sum() != height * width:
        pixels = counted(height * width, "pixel")
        raise ValueError(f"run lengths do not add up to the {pixels} of the mask")
    bounds = np.concatenate(([0], runs.cumsum()))
    ones = np.flatnonzero(runs[1::2]) * 2 + 1
    if not ones.size:
        return Mask((height, width), EMPTY_BOX, np.zeros((0, 0), dtype=np.bool_))
    # Only the columns that hold something are unpacked: a part of a person covers few of them.
    left, right = int(bounds[ones[0]] // height), int(-(-bounds[ones[-1] + 1] // height))
    np.clip(bounds, left * height, right * height, out=bounds)
    columns = np.repeat(np.arange(len(runs)) % 2 == 1, np.diff(bounds))
    return Mask.from_crop(columns.reshape(-1, height).T, (left, 0), (height, width))


def _run_lengths(mask: Mask) -> NDArray[np.int64]:
    """Alternating lengths of zero and one runs of the full frame, column by column."""
    height, width = mask.image_hw
    total = height * width
    rows, columns = _changes(mask)
    # A change below the last row of a column lies where the next column begins.
    places = np.sort(columns * height + rows)
    starts, ends = places[0::2], places[1::2]
    if not starts.size:
        return np.asarray([total], dtype=np.int64)
    apart = starts[1:] != ends[:-1]  # a run down to the last row goes on in the next column
    starts, ends = starts[np.r_[True, apart]], ends[np.r_[apart, True]]
    bounds = np.empty(2 * starts.size + 2, dtype=np.int64)
    bounds[0], bounds[-1] = 0, total
    bounds[1:-1:2], bounds[2:-1:2] = starts, ends
    runs = np.diff(bounds)
    return runs if runs[-1] else runs[:-1]


def _changes(mask: Mask) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the image whose pixel is set and the one above is not, or the reverse.

    Compared as bits, sixty-four columns at a time: most of them are equal in two rows.
    """
    x0, y0, _, y1 = mask.box_xyxy
    bits = mask.bits_in(mask.box_xyxy)
    words = -(-bits.shape[1] // 8)
    padded = np.zeros((y1 - y0 + 2, words * 8), np.uint8)
    padded[1:-1, : bits.shape[1]] = bits
    changed = (padded[1:] ^ padded[:-1]).view("<u8").ravel()
    some = np.flatnonzero(changed)
    each = np.unpackbits(changed[some].view(np.uint8), bitorder="little").view(np.bool_)
    place, bit = np.divmod(np.flatnonzero(each), 64)
    row, word = np.divmod(some[place], max(words, 1))
    return row + y0, word * 64 + bit + x0 // 8 * 8


def _compress(runs: NDArray[np.int64]) -> str:
    """Text form of the counts: differences to the count two before, in 5-bit groups.

    The format is that of the COCO API's ``maskApi.c``: the low group first, 0x20 says that more
    follow, 0x10 of the last group is the sign, and 48 makes it printable.
    """
    values = runs.copy()
    values[3:] -= runs[1:-2]
    groups, left = [], np.arange(len(values))
    while left.size:
        low = values[left] & 0x1F
        rest = values[left] >> 5
        done = np.where(low & 0x10, rest == -1, rest == 0)
        groups.append((left, low + np.where(done, 0, 0x20) + 48))
        values[left] = rest
        left = left[~done]
    positions = np.concatenate([index for index, _ in groups])
    level = np.concatenate([np.full(len(index), i) for i, (index, _) in enumerate(groups)])
    text = np.concatenate([chars for _, chars in groups])
    ordered: NDArray[np.uint8] = text[np.lexsort((level, positions))].astype(np.uint8)
    return ordered.tobytes().decode("ascii")


def _pair(size: Any) -> tuple[Any, Any]:
    if not isinstance(size, list | tuple) or len(size) != 2:
        raise ValueError('"size" must be [height, width]')
    return size[0], size[1]


def _plain_counts(counts: Any) -> NDArray[np.int64]:
    """Counts that are not compressed."""
    if not isinstance(counts, list) or len(counts) > _MAX_RUNS:
        raise ValueError('"counts" must be a text or a list')
    whole = [whole_of({"counts": n}, "counts", 0, _MAX_SIDE**2) for n in counts]
    return np.asarray(whole, dtype=np.int64)


def _decompress(text: str) -> NDArray[np.int64]:
    """Counts of the text form; see ``_compress``.

    Raises:
        ValueError: it is not of that form.
    """
    groups = np.frombuffer(text.encode("ascii"), dtype=np.uint8).astype(np.int64) - 48
    last = groups & 0x20 == 0
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1)) if ends.size else ends
    if ((groups < 0) | (groups > 63)).any() or (ends - starts >= _MAX_GROUPS).any():
        raise ValueError('"counts" is not a compressed run-length text')
    count = np.repeat(starts, ends - starts + 1)
    shifts = 5 * (np.arange(count.size) - count)
    low = (groups[: count.size] & 0x1F) << shifts
    runs: NDArray[np.int64] = np.add.reduceat(low, starts) if ends.size else low
    runs -= np.where(groups[ends] & 0x10, 1 << (shifts[ends] + 5), 0)
    for first in (1, 2):  # each is the difference to the count two before, from the fourth on
        runs[first::2] = runs[first::2].cumsum()
    return runs
