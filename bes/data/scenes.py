"""Synthetic photographs: creatures whose pattern fades from the head on, on a cluttered ground.

A classifier can tell the class from the head alone, and its maps are strongest there; where the
creature ends is told by its outline. That is the difficulty of real photographs with image-level
labels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

HEAD_SIZE = (0.62, 0.80)
"""Radius of the head, as a share of the body's half-width times 1.25; range."""
BODY_LENGTH = (0.17, 0.27)
"""Half-length of the body, as a share of the picture's shorter side times 1.3; range."""
BODY_TINT = 0.6
"""How much of the body's colour is the class's own, 0 to 1; the rest is drawn from all hues."""
BODY_PATTERN = 0.4
"""How strongly the class's pattern shows far from the head, 0 to 1; on the head it is 1."""
FADE = 1.3
"""Distance from the head's centre at which most of the head's pattern has faded, in its radii.

There is no edge between head and body: an edge there would be a boundary like any other.
"""
OUTLINE_SHADE = 0.35
"""How much darker a creature is along its outline, 0 to 1."""
CLUTTER = (6, 12)
"""Number of plain shapes on the ground; range."""
CREATURES = (0.45, 0.40, 0.15)
"""Probabilities of one, two and three creatures."""
NOISE = 4.0
"""Standard deviation of the pixel noise, in grey levels of 255."""


@dataclass(frozen=True)
class _Pattern:
    """What tells a class: two colours (RGB) laid out in its own way."""

    colours: tuple[tuple[int, int, int], tuple[int, int, int]]
    layout: Callable[[np.ndarray, np.ndarray], np.ndarray]
    """(x, y) in periods of the pattern -> in [-1, 1], the sign chooses the colour."""


PATTERNS = {
    "checks": _Pattern(
        ((225, 60, 40), (245, 215, 70)), lambda x, y: np.sin(np.pi * x) * np.sin(np.pi * y) * 2
    ),
    "stripes": _Pattern(((40, 70, 200), (240, 240, 250)), lambda x, y: np.sin(2 * np.pi * x)),
    "dots": _Pattern(
        ((30, 120, 50), (170, 240, 110)),
        lambda x, y: np.cos(2 * np.pi * x) + np.cos(2 * np.pi * y) - 0.3,
    ),
    "rings": _Pattern(
        ((190, 40, 170), (250, 190, 220)), lambda x, y: np.sin(2 * np.pi * np.hypot(x, y))
    ),
    "waves": _Pattern(
        ((20, 60, 70), (60, 220, 225)),
        lambda x, y: np.sin(2 * np.pi * (y + 0.35 * np.sin(2 * np.pi * x * 0.7))),
    ),
}


def render_scene(seed: int, index: int, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Scene `index` of a seed: photograph uint8 (H, W, 3) RGB and mask uint8 (H, W).

    The mask holds 0 for the ground, the position in PATTERNS + 1 for a creature and 255 along the
    outlines, 2 pixels wide. The scene depends on the three arguments alone.
    """
    rng = np.random.default_rng([seed, index])
    canvas = _ground(rng, size)
    _scatter_clutter(rng, canvas, int(rng.integers(CLUTTER[0], CLUTTER[1] + 1)))
    labels = np.zeros(size, np.uint8)
    taken = np.zeros(size, bool)
    count = 1 + int(rng.choice(len(CREATURES), p=CREATURES))
    for kind in rng.permutation(len(PATTERNS))[:count]:
        creature = _place(rng, taken)
        if creature is None:
            continue
        _paint(rng, canvas, creature, list(PATTERNS.values())[kind])
        labels[creature.alpha > 0.5] = kind + 1
        # The head stays in sight; a body may be overlapped by the next creature.
        taken |= creature.head > 0.5
        taken |= cv2.erode((creature.alpha > 0.5).astype(np.uint8), np.ones((9, 9))) > 0
    light = 1 + 0.25 * _smooth_field(rng, size, 0.6)
    canvas = canvas * light[..., None] + rng.normal(0, NOISE, canvas.shape)
    canvas = cv2.GaussianBlur(canvas, (0, 0), 0.6)
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), _with_void(labels)


@dataclass(frozen=True)
class _Creature:
    """Coverage maps in [0, 1], float32 (H, W), and the frame that its pattern is drawn in."""

    alpha: np.ndarray
    head: np.ndarray
    centre: tuple[float, float]
    """Centre of the head: x, y in pixels."""
    angle: float
    radius: float


def _place(rng: np.random.Generator, taken: np.ndarray) -> _Creature | None:
    """A creature whose head, and most of whose body, lie in the picture and on free ground."""
    height, width = taken.shape
    for _ in range(30):
        length = min(height, width) * 1.3 * rng.uniform(*BODY_LENGTH)
        breadth = length * rng.uniform(0.5, 0.75)
        angle = rng.uniform(0, 2 * np.pi)
        centre = np.array([rng.uniform(0.15, 0.85) * width, rng.uniform(0.15, 0.85) * height])
        axis = np.array([np.cos(angle), np.sin(angle)])
        radius = breadth * 1.25 * rng.uniform(*HEAD_SIZE)
        head_centre = centre + axis * (length + 0.25 * radius)
        if not (
            radius * 0.8 < head_centre[0] < width - radius * 0.8
            and radius * 0.8 < head_centre[1] < height - radius * 0.8
        ):
            continue
        body = _blob(rng, centre, length, breadth, angle, roughness=0.09)
        head = _blob(rng, head_centre, radius * 1.05, radius * 0.95, angle, roughness=0.04)
        head_cover = _cover([head], taken.shape)
        cover = _cover([body, head, *_legs(rng, centre, length, breadth, angle)], taken.shape)
        if (taken & (cover > 0.5)).any():
            continue
        return _Creature(cover, head_cover, tuple(head_centre), angle, radius)
    return None


def _blob(
    rng: np.random.Generator,
    centre: np.ndarray,
    length: float,
    breadth: float,
    angle: float,
    *,
    roughness: float,
) -> np.ndarray:
    """The smooth outline of a dented ellipse: float (64, 2), x and y in pixels."""
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    radius = np.ones_like(turn)
    for harmonic in range(2, 6):
        radius += rng.normal(0, roughness / harmonic * 2) * np.cos(
            harmonic * turn + rng.uniform(0, 2 * np.pi)
        )
    points = np.stack([length * radius * np.cos(turn), breadth * radius * np.sin(turn)], axis=1)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return centre + points @ rotation


def _legs(
    rng: np.random.Generator, centre: np.ndarray, length: float, breadth: float, angle: float
) -> list[np.ndarray]:
    """Two to four stubby legs on one flank."""
    flank = rng.choice([-1, 1])
    legs = []
    for position in np.linspace(-0.6, 0.6, int(rng.integers(2, 5))):
        along = np.array([np.cos(angle), np.sin(angle)]) * position * length
        across = np.array([-np.sin(angle), np.cos(angle)]) * flank * breadth
        legs.append(
            _blob(
                rng,
                centre + along + across * 0.95,
                breadth * 0.55,
                max(2.5, breadth * 0.17),
                angle + np.pi / 2,
                roughness=0.05,
            )
        )
    return legs


def _cover(outlines: list[np.ndarray], size: tuple[int, int]) -> np.ndarray:
    """How much of each pixel the outlines enclose, float32 (H, W) in [0, 1]."""
    cover = np.zeros(size, np.uint8)
    for outline in outlines:
        # 4 binary places of sub-pixel precision.
        points = np.rint(outline * 16).astype(np.int32)
        cv2.fillPoly(cover, [points], 255, lineType=cv2.LINE_AA, shift=4)
    return cover.astype(np.float32) / 255


def _paint(
    rng: np.random.Generator, canvas: np.ndarray, creature: _Creature, pattern: _Pattern
) -> None:
    """Draw the creature over the canvas, in place."""
    height, width = canvas.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x - creature.centre[0], y - creature.centre[1]
    spin = creature.angle + rng.uniform(-0.5, 0.5)
    period = max(5.0, creature.radius * rng.uniform(0.5, 0.7))
    u = (np.cos(spin) * x + np.sin(spin) * y) / period
    v = (-np.sin(spin) * x + np.cos(spin) * y) / period
    choice = 1 / (1 + np.exp(-6 * pattern.layout(u, v)))[..., None]
    first, second = (np.array(colour, np.float32) for colour in pattern.colours)
    telling = first * (1 - choice) + second * choice

    own = (first + second) / 2
    skin = BODY_TINT * own + (1 - BODY_TINT) * _colour(rng, saturation=(0.2, 0.6))
    plain = skin * (1 + 0.06 * _smooth_field(rng, canvas.shape[:2], 0.05)[..., None])
    near_head = np.exp(-((np.hypot(x, y) / (FADE * creature.radius)) ** 2))
    strength = (BODY_PATTERN + (1 - BODY_PATTERN) * near_head)[..., None]
    colours = plain * (1 - strength) + telling * strength
    inside = cv2.distanceTransform((creature.alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    shade = 1 - OUTLINE_SHADE * np.exp(-inside / 2.5)
    roundness = 0.85 + 0.25 * np.minimum(inside / (inside.max() + 1e-6) * 1.5, 1)
    alpha = creature.alpha[..., None]
    canvas *= 1 - alpha
    canvas += alpha * colours * (shade * roundness)[..., None]


def _ground(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Patches of muted colour, each with its own grain: float32 (H, W, 3), 0 to 255."""
    patches = int(rng.integers(2, 5))
    fields = np.stack([_smooth_field(rng, size, 0.3) for _ in range(patches)])
    weights = np.exp(6 * fields)
    weights /= weights.sum(0)
    canvas = np.zeros((*size, 3), np.float32)
    for weight in weights:
        grain = rng.uniform(0.08, 0.30) * _smooth_field(rng, size, rng.uniform(0.01, 0.05))
        if rng.random() < 0.4:
            grain = grain + 0.15 * np.sin(_smooth_field(rng, size, 0.25) * rng.uniform(8, 20))
        colour = _colour(rng, saturation=(0.05, 0.45))
        canvas += (weight * (1 + grain))[..., None] * colour
    return canvas


def _scatter_clutter(rng: np.random.Generator, canvas: np.ndarray, count: int) -> None:
    """Draw plain or grained shapes with real edges, in place; they belong to no class."""
    height, width = canvas.shape[:2]
    for _ in range(count):
        centre = np.array([rng.uniform(0, width), rng.uniform(0, height)])
        extent = min(height, width) * rng.uniform(0.03, 0.16)
        angle = rng.uniform(0, 2 * np.pi)
        if rng.random() < 0.5:
            corners = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 6))))
            outline = centre + extent * np.stack([np.cos(corners), np.sin(corners)], axis=1)
        else:
            outline = _blob(
                rng, centre, extent, extent * rng.uniform(0.3, 1), angle, roughness=0.15
            )
        cover = _cover([outline], (height, width))[..., None]
        grain = 1 + rng.uniform(0, 0.25) * _smooth_field(rng, (height, width), 0.02)[..., None]
        canvas *= 1 - cover
        canvas += cover * grain * _colour(rng, saturation=(0.05, 0.5))


def _smooth_field(rng: np.random.Generator, size: tuple[int, int], scale: float) -> np.ndarray:
    """Smooth noise of mean 0 and deviation 1: float32 (H, W).

    `scale` is the size of its grain as a share of the shorter side.
    """
    grain = max(1.0, scale * min(size))
    coarse = [max(4, int(np.ceil(length / grain)) + 3) for length in size]
    noise: np.ndarray = rng.normal(size=coarse).astype(np.float32)
    noise = cv2.resize(noise, (size[1], size[0]), interpolation=cv2.INTER_CUBIC)
    return (noise - noise.mean()) / (noise.std() + 1e-6)


def _colour(rng: np.random.Generator, *, saturation: tuple[float, float]) -> np.ndarray:
    """A colour of any hue: float32 (3,), RGB, 0 to 255."""
    hue, value = rng.uniform(0, 360), rng.uniform(0.35, 0.9)
    pixel = np.array([[[hue, rng.uniform(*saturation), value]]], np.float32)
    return cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0] * 255


def _with_void(labels: np.ndarray) -> np.ndarray:
    """The labels with 255 where a pixel's 3x3 neighbourhood holds more than one of them."""
    kernel = np.ones((3, 3), np.uint8)
    return np.where(cv2.dilate(labels, kernel) != cv2.erode(labels, kernel), 255, labels).astype(
        np.uint8
    )
