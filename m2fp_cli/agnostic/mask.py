"""The agnostic mask of one person: 255 where a generative model paints, 0 where the photo stays.

Made from the parsing result alone: labels, and joints where it has them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from m2fp_cli.agnostic.categories import BEHIND_A_HEM, CATEGORIES, SHOES, Category, find_category
from m2fp_cli.agnostic.hand_joints import find_hands_by_joints
from m2fp_cli.agnostic.hands import find_hands
from m2fp_cli.agnostic.limbs import face_height, find_bare_feet, find_shod_feet
from m2fp_cli.agnostic.pieces import find_strays
from m2fp_cli.agnostic.rules import PERSON_HEIGHT, SEAM, Regions, filled, find_rule
from m2fp_cli.arrays import BoolArray, ByteArray
from m2fp_cli.errors import UsageError
from m2fp_cli.records.joints import Joints
from m2fp_cli.records.results import ParsingResult, Person
from m2fp_cli.tryon.figure import FACE, Figure, build_figure
from m2fp_cli.tryon.morphology import dilate, erode

_MARGIN = 170.0  # around the person, in pixels of a person 864 high: no rule reaches further
# A gap in a person this wide (radius, likewise) is a bag in front, or what is seen under an arm; a
# narrower one is a belt or a fault of the parse, such as a sleeve. Its edge is painted, so that no
# cloth is left.
_GAP_RADIUS, _GAP_EDGE = 20.0, 8.0
# Trousers that the network also takes for a dress, with this score, count as the dress: over 60
# photos that the starter never saw, the worst tenth of masks then covers 90 % of the old top
# instead of 80; 2 % more of the other clothes is painted.
_CLAIM_SCORE = 0.4
# Hair, hats and shoes end less surely than a face; CatVTON's blur goes as far into them.
_NARROW_SEAM = 6.0
_FACE_RIM = 0.03  # heights of a face, also into a collar: labels are a pixel or two off
_FACE_MARGIN = 0.25  # heights of a face: a chin and a bare neck have no edge between them


@dataclass(frozen=True)
class Growth:
    """How much wider or narrower a mask is made; see ``parse_growth``.

    Attributes:
        amount: pixels of the photo, or percent of the person's longer side; negative shrinks.
        percent: whether it is a percentage.
    """

    amount: float = 0.0
    percent: bool = False

    def pixels(self, person_side: float) -> float:
        """The amount in pixels for a person whose longer side has so many."""
        return self.amount * person_side / 100 if self.percent else self.amount

    def __str__(self) -> str:
        """As ``parse_growth`` takes it."""
        return f"{self.amount:g}{'%' if self.percent else ''}"


def parse_growth(text: str) -> Growth:
    """A growth from ``12`` (pixels), ``-3`` or ``1.5%`` (of the person's longer side).

    Raises:
        UsageError: the text is none of them.
    """
    try:
        amount = float(text.removesuffix("%"))
    except ValueError:
        amount = float("nan")
    if not abs(amount) < 10_000:
        raise UsageError(f"--grow takes pixels or a percentage such as 2%, got {text!r}")
    return Growth(amount, text.endswith("%"))


@dataclass(frozen=True)
class MaskSettings:
    """How masks are made.

    Attributes:
        category: one of ``CATEGORIES``: what is to be put on.
        rule: one of ``rules.RULES``: how far the mask reaches beyond what is worn.
        grow: added to that; it never reaches what is kept, and never uncovers the old clothes.
        feather: width of a soft edge outside of the mask, in pixels; 0 keeps it at 0 and 255.
    """

    category: str = "upper"
    rule: str = "hull"
    grow: Growth = Growth()
    feather: float = 0.0

    def __post_init__(self) -> None:
        """Refuse unknown names.

        Raises:
            UsageError: there is no such category or rule.
        """
        find_category(self.category)
        find_rule(self.rule)


@dataclass(frozen=True, eq=False)
class AgnosticMask:
    """The mask of one person; all arrays are (H, W) in the photo's frame.

    Attributes:
        mask: uint8, 255 repaint, 0 keep, between them where it is feathered.
        base: bool, the old clothes and the skin that is painted anew, without any margin.
        hands: bool, hands and bare feet, which the labels have no name for.
        category: what it was made for; another than asked for where that is not worn.
    """

    mask: ByteArray
    base: BoolArray
    hands: BoolArray
    category: str


@dataclass(frozen=True, eq=False)
class _Ends:
    """Where limbs end, (h, w) bool each; feet only where the leg above them is painted."""

    hands: BoolArray
    feet: BoolArray

    @classmethod
    def of(cls, figure: Figure, category: Category, joints: Joints | None) -> _Ends:
        feet = np.zeros(figure.label_map.shape, np.bool_)
        if "Left-leg" in category.skin:
            feet = find_bare_feet(figure) | find_shod_feet(figure)
        hands = find_hands(figure)
        return cls(hands if joints is None else find_hands_by_joints(figure, joints, hands), feet)


def build_mask(result: ParsingResult, person: Person, settings: MaskSettings) -> AgnosticMask:
    """The mask of one person of a photo; all 0 where nothing of the category is seen.

    Args:
        result: the parsed photo; with its instances the old clothes are covered better.
        person: one of its people.
        settings: how.
    """
    x0, y0, x1, y1 = person.box_xyxy
    side = max(x1 - x0, y1 - y0, 1)
    scale, grow = side / PERSON_HEIGHT, settings.grow.pixels(side)
    margin = round(_MARGIN * scale + max(grow, 0) + settings.feather) + 2
    window = (x0 - margin, y0 - margin, x1 + margin, y1 + margin)
    figure = build_figure(result, person, window)
    name = _worn(figure, settings.category)
    ends = _Ends.of(figure, CATEGORIES[name], person.joints)
    regions = _regions(figure, CATEGORIES[name], ends, _claimed(result, figure, name), scale)
    full = AgnosticMask(
        np.zeros(result.image_hw, np.uint8),
        np.zeros(result.image_hw, np.bool_),
        np.zeros(result.image_hw, np.bool_),
        name,
    )
    full.base[figure.window], full.hands[figure.window] = regions.base, ends.hands | ends.feet
    if regions.base.any():
        painted = find_rule(settings.rule)(regions)
        painted = dilate(painted, grow) if grow > 0 else erode(painted, -grow)
        # What is enclosed and not kept is a fault of the parse: a spot of trousers within a top.
        painted = (filled(painted) & ~regions.kept) | regions.base
        full.mask[figure.window] = _feathered(painted, regions.kept, settings.feather)
    return full


def _worn(figure: Figure, name: str) -> str:
    """The category, or the one that is meant where nothing of it is worn."""
    category = CATEGORIES[name]
    seen = np.count_nonzero(figure.mask(*category.clothes))
    is_worn = seen > category.least * np.count_nonzero(figure.label_map)
    return name if is_worn else category.instead or name


def _claimed(result: ParsingResult, figure: Figure, name: str) -> BoolArray:
    """Other clothes of the person that the network's own instances also take for the old ones."""
    category = CATEGORIES[name]
    beside = figure.mask(*category.beside)
    claimed = np.zeros(result.image_hw, np.bool_)
    if beside.any():
        old = {i for i, label in enumerate(result.labels.names) if label in category.clothes}
        for instance in result.instances:
            if instance.label_id in old and instance.score >= _CLAIM_SCORE:
                claimed[instance.mask.slices] |= instance.mask.inside
    return beside & claimed[figure.window]


def _regions(
    figure: Figure, category: Category, ends: _Ends, claimed: BoolArray, scale: float
) -> Regions:
    clothes = figure.mask(*category.clothes) | claimed
    clothes |= find_strays(figure.mask(*category.beside), clothes)
    narrow, seam = (dilate(clothes, width * scale) for width in (_NARROW_SEAM, SEAM))
    paints_legs = "Left-leg" in category.skin
    behind = figure.mask(*BEHIND_A_HEM)
    skin = figure.mask(*category.skin, *(SHOES if paints_legs else ()))
    cloth = clothes | figure.mask("Scarf") if "Scarf" in category.skin else clothes
    kept = ends.hands | figure.other_people | _around_face(figure, cloth)
    kept |= figure.mask("Glove", "Bag") | (figure.mask("Hair", "Hat") & ~narrow)
    kept |= figure.mask(*category.kept) & ~(behind & seam)
    shoes = figure.mask(*SHOES)
    kept |= (ends.feet if paints_legs else shoes) & ~(shoes & narrow)
    base = (clothes | skin) & ~kept
    beside = figure.mask(*category.beside) & ~clothes
    hands = ends.hands & ("Left-arm" in category.skin)
    return Regions(base, kept | _gaps(figure, scale), beside, seam, hands, scale)


def _around_face(figure: Figure, cloth: BoolArray) -> BoolArray:
    """The face and a margin, which goes no further into cloth than labels are unsure."""
    face, high = figure.mask(*FACE), face_height(figure)
    return dilate(face, _FACE_RIM * high) | (dilate(face, _FACE_MARGIN * high) & ~cloth)


def _gaps(figure: Figure, scale: float) -> BoolArray:
    """Wide openings in a person: what is carried in front, and what is seen under an arm."""
    empty = (figure.label_map == 0) & ~figure.other_people
    count, pieces = cv2.connectedComponents(empty.astype(np.uint8), connectivity=4)
    edge = np.concatenate([pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]])
    enclosed = np.ones(count, np.bool_)
    enclosed[edge] = False
    enclosed[0] = False
    gaps = np.asarray(enclosed[pieces])
    if not gaps.any():
        return gaps
    depth = cv2.distanceTransform(gaps.astype(np.uint8), cv2.DIST_L2, 5)
    wide = np.zeros(count, np.bool_)
    wide[pieces[depth > _GAP_RADIUS * scale]] = True
    return np.asarray(wide[pieces] & (depth > _GAP_EDGE * scale))


def _feathered(painted: BoolArray, kept: BoolArray, width: float) -> ByteArray:
    """255 inside, falling to 0 over a width outside, 0 on what is kept."""
    mask = painted.astype(np.uint8) * np.uint8(255)
    if width <= 0 or not painted.any():
        return mask
    distance = cv2.distanceTransform(255 - mask, cv2.DIST_L2, 5)
    share = np.clip(1 - np.asarray(distance) / (width + 1), 0, 1)
    soft: ByteArray = np.rint(255 * share).astype(np.uint8)
    soft[kept & ~painted] = 0
    return soft
