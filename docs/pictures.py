"""Draws the README's picture: a photo, its parts, its people, and a try-on.

    python docs/pictures.py PICTURE

The two photos in examples/ are put side by side and parsed as one photo, with the bundled model.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from m2fp_cli import HumanParser, ParsingResult, colorize, try_on

EXAMPLES = Path(__file__).parents[1] / "examples"
HEIGHT = 512  # of the photo that is parsed, pixels
TILE_WIDTH = 520  # of each of the four tiles
GAP, CAPTION = 8, 26  # between tiles, and for the words above each
FLAG = 60  # columns at the left of the admiral's photo that hold nothing but a flag
OUTFITS = (  # by person, from left to right
    {"hat": "sun_hat", "glasses": "round", "earrings": "hoop"},
    {"hat": "fedora", "top": "tartan"},
)
Picture = NDArray[np.uint8]


def photo_of_two() -> Picture:
    """Both example photos beside each other, (HEIGHT, W, 3) BGR."""
    admiral = cv2.imread(str(EXAMPLES / "grace_hopper.jpg"))
    astronaut = cv2.imread(str(EXAMPLES / "astronaut.jpg"))
    admiral, astronaut = (
        cv2.resize(
            one,
            (round(one.shape[1] * HEIGHT / one.shape[0]), HEIGHT),
            interpolation=cv2.INTER_AREA,
        )
        for one in (admiral, astronaut)
    )
    return np.hstack([astronaut, admiral[:, FLAG:]])


def dressed(photo_bgr: Picture, result: ParsingResult) -> Picture:
    """The photo with an outfit on each person, (H, W, 3) BGR."""
    people = sorted(result.people, key=lambda person: person.box_xyxy[0])
    for person, outfit in zip(people, OUTFITS, strict=True):
        photo_bgr = try_on(photo_bgr, result, outfit, [person.person_id]).image_bgr
    return photo_bgr


def tile(title: str, image_bgr: Picture) -> Image.Image:
    """A picture of TILE_WIDTH under its title."""
    image = Image.fromarray(image_bgr[..., ::-1])
    height = round(image.height * TILE_WIDTH / image.width)
    shown = image.resize((TILE_WIDTH, height), Image.Resampling.LANCZOS)
    sheet = Image.new("RGB", (TILE_WIDTH, height + CAPTION), "white")
    sheet.paste(shown, (0, CAPTION))
    ImageDraw.Draw(sheet).text((3, 2), title, "black", ImageFont.load_default(17))
    return sheet


def main() -> None:
    """Draw the picture and write it."""
    photo = photo_of_two()
    result = HumanParser("starter", min_score=0.5).parse(photo)
    tiles = [
        tile("photo", photo),
        tile("body parts and garments", colorize(result, photo)),
        tile("people", colorize(result, photo, by="person", contours=True)),
        tile("try-on", dressed(photo, result)),
    ]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (2 * width + GAP, 2 * height + GAP), "white")
    for index, one in enumerate(tiles):
        sheet.paste(one, (index % 2 * (width + GAP), index // 2 * (height + GAP)))
    # A palette makes the file a third as large; with dithering, 256 colors are enough here.
    palette = sheet.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=3)
    drawn = sheet.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    drawn.save(sys.argv[1], optimize=True)


if __name__ == "__main__":
    main()
