"""Compose random scenes: a few pictograms on a varied background."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

COLOURS = {
    "white": (240, 240, 240), "black": (25, 25, 30), "grey": (130, 130, 135),
    "red": (205, 55, 50), "orange": (240, 150, 50), "yellow": (245, 220, 90),
    "green": (85, 160, 80), "blue": (80, 130, 210), "purple": (140, 90, 180),
    "pink": (240, 170, 200), "brown": (135, 95, 65),
}  # fmt: skip
_LAYOUTS = ["plain", "gradient", "horizon", "stripes", "checks", "blobs", "noise"]


@dataclass
class Placed:
    """One object in a scene: its entry, centre and size."""

    entry: int
    x: float
    y: float
    size: float


def _shade(rng, colour):
    return tuple(int(c) for c in np.clip(np.array(colour) + rng.normal(0, 22, 3), 0, 255))


def background(rng: np.random.Generator, size: int) -> tuple[Image.Image, str, str]:
    """A background, and the names of its main colour and layout."""
    names = list(COLOURS)
    first, second = (names[i] for i in rng.choice(len(names), 2, replace=False))
    a, b = _shade(rng, COLOURS[first]), _shade(rng, COLOURS[second])
    layout = _LAYOUTS[rng.integers(len(_LAYOUTS))]
    picture = Image.new("RGB", (size, size), a)
    draw = ImageDraw.Draw(picture)
    if layout == "gradient":
        ramp = Image.linear_gradient("L").resize((size, size)).rotate(90 * rng.integers(4))
        picture = Image.composite(Image.new("RGB", (size, size), _shade(rng, a)), picture, ramp)
    elif layout == "horizon":
        draw.rectangle([0, int(size * rng.uniform(0.35, 0.75)), size, size], fill=b)
    elif layout in ("stripes", "checks"):
        step = int(rng.integers(size // 12, size // 4))
        light = tuple(int(c) for c in (0.75 * np.array(a) + 0.25 * np.array(b)))
        for i in range(0, size, 2 * step):
            draw.rectangle([i, 0, i + step - 1, size], fill=light)
            if layout == "checks":
                for j in range(0, size, 2 * step):
                    draw.rectangle([i, j, i + step - 1, j + step - 1], fill=a)
                    draw.rectangle([i + step, j, i + 2 * step - 1, j + step - 1], fill=light)
    elif layout == "blobs":
        for _ in range(rng.integers(3, 9)):
            x, y, r = rng.uniform(0, size), rng.uniform(0, size), rng.uniform(0.05, 0.25) * size
            draw.ellipse([x - r, y - r, x + r, y + r], fill=_shade(rng, a))
    elif layout == "noise":
        grain = rng.normal(0, 25, (size // 4, size // 4, 3)) + np.array(a)
        coarse = Image.fromarray(np.clip(grain, 0, 255).astype(np.uint8))
        picture = coarse.resize((size, size), Image.Resampling.BICUBIC)
    return picture, first, layout


def _transform(rng, sprite: np.ndarray, size: float, augment: bool) -> Image.Image:
    """Rotate, flip, stretch and scale a sprite; `augment` also varies shape and colours."""
    picture = Image.fromarray(sprite)
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    stretch = rng.uniform(0.85, 1.18) if augment else 1.0
    shape = max(8, int(size * stretch)), max(8, int(size / stretch))
    picture = picture.resize(shape, Image.Resampling.BILINEAR)
    picture = picture.rotate(rng.uniform(-30, 30), Image.Resampling.BILINEAR, expand=True)
    if augment:
        alpha = picture.getchannel("A")
        rgb = picture.convert("RGB")
        if rng.random() < 0.35:  # another hue
            hsv = np.array(rgb.convert("HSV"))
            hsv[..., 0] += np.uint8(rng.integers(-28, 29) % 256)
            rgb = Image.fromarray(hsv, "HSV").convert("RGB")
        rgb = ImageEnhance.Color(rgb).enhance(rng.uniform(0.4, 1.5))
        rgb = ImageEnhance.Brightness(rgb).enhance(rng.uniform(0.7, 1.25))
        if rng.random() < 0.5:  # shading, as on a solid object
            ramp = Image.linear_gradient("L").resize(rgb.size).rotate(90 * rng.integers(4))
            dark = ImageEnhance.Brightness(rgb).enhance(rng.uniform(0.45, 0.8))
            rgb = Image.composite(dark, rgb, ramp.resize(rgb.size))
        picture = rgb.convert("RGBA")
        picture.putalpha(alpha)
    return picture


def compose(
    rng: np.random.Generator,
    entries: list[int],
    sprites: list[list[np.ndarray]],
    size: int = 96,
    augment: bool = True,
) -> tuple[Image.Image, list[Placed], str, str]:
    """Draw `entries` at random places with little overlap."""
    picture, colour, layout = background(rng, size)
    n = len(entries)
    scale = {1: (0.4, 0.8), 2: (0.3, 0.52), 3: (0.26, 0.44)}.get(n, (0.22, 0.36))
    placed: list[Placed] = []
    for entry in entries:
        side = rng.uniform(*scale) * size
        best, best_overlap = None, np.inf
        for _ in range(12):
            x, y = rng.uniform(0.4 * side, size - 0.4 * side, 2)
            overlap = max(
                ((side + p.size) / 2 - np.hypot(x - p.x, y - p.y) for p in placed), default=0.0
            )
            if overlap < best_overlap:
                best, best_overlap = (x, y), overlap
            if overlap <= 0.1 * side:
                break
        choices = sprites[entry]
        sprite = _transform(rng, choices[rng.integers(len(choices))], side, augment)
        corner = int(best[0] - sprite.width / 2), int(best[1] - sprite.height / 2)
        picture.paste(sprite, corner, sprite)
        placed.append(Placed(entry, best[0], best[1], side))
    if augment and rng.random() < 0.25:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.0)))
    return picture, placed, colour, layout
