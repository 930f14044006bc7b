"""Contact sheet of try-on over many people, to be looked at.

    python -m training.tryon_sheet DATA -o sheet.png [--people 0047,0086] [--items fedora,round]

DATA holds ``photos/NNNN.jpg`` and ``labels/NNNN.png`` (CIHP ids). Without --people a spread of 24
is taken; without --items they take turns.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from m2fp_cli.engine.people import result_from_maps
from m2fp_cli.imaging.codec import decode_map, read_image
from m2fp_cli.imaging.encoding import encode_png
from m2fp_cli.imaging.reading import read_bytes
from m2fp_cli.records.labels import CIHP
from m2fp_cli.tryon.catalog import list_accessories
from m2fp_cli.tryon.fitting import try_on
from m2fp_cli.tryon.head import HeadFrame
from m2fp_cli.tryon.outfit import load_outfit

TURNS = ("fedora,hoop", "cap,round", "beanie,drop", "sun_hat,sunglasses", "clear,pearls,pearl_stud",
         "wide,pendant", "chain,tartan", "breton,fedora,clear")  # fmt: skip
SIDE = 480
COLUMNS = 4


def main() -> None:
    """Draw and write the sheet."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--people", default="")
    parser.add_argument("--items", default="")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    names = sorted(path.stem for path in (options.data / "labels").glob("*.png"))
    chosen = options.people.split(",") if options.people else names[7 :: len(names) // 24][:24]
    tiles = []
    for number, name in enumerate(chosen):
        items = (options.items or TURNS[number % len(TURNS)]).split(",")
        tiles.append(tile(options.data, name, items))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % COLUMNS)
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    options.output.write_bytes(encode_png(np.vstack(rows)))


def tile(data: Path, name: str, items: list[str]) -> NDArray[np.uint8]:
    """One person around the head, enlarged."""
    photo = read_image(data / "photos" / f"{name}.jpg").image_bgr
    labels = np.asarray(decode_map(read_bytes(data / "labels" / f"{name}.png")), dtype=np.uint8)
    result = result_from_maps(CIHP, np.where(labels == 255, 0, labels).astype(np.uint8))
    kinds = list_accessories()
    worn = {kinds.get(item, "top"): item for item in items}
    done = try_on(photo, result, load_outfit(worn))
    person = done.people[0]
    for item in person.items:
        bad = [f"{check.name} {check.value:.2f}" for check in item.checks if not check.ok]
        print(name, item.kind, item.name, item.reason or "placed", *bad, *item.notes, sep="; ")
    if isinstance(person.frame, HeadFrame):
        center, reach = person.frame.point(0, 0.6), round(5.2 * person.frame.unit)
    else:
        box = result.people[0].box_xyxy
        center, reach = ((box[0] + box[2]) / 2, box[1] + 80.0), 110
    padded = cv2.copyMakeBorder(done.image_bgr, *(reach,) * 4, cv2.BORDER_CONSTANT)
    x, y = round(center[0]), round(center[1])
    cut = padded[y : y + 2 * reach, x : x + 2 * reach]
    out = cv2.resize(cut, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    cv2.putText(out, name, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 255, 255), 1)
    return np.asarray(out, dtype=np.uint8)


if __name__ == "__main__":
    main()
