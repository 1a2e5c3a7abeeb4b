"""A grid of images, with captions that stay within their column."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

from .._typing import Axes, Figure, Settings

if TYPE_CHECKING:
    from matplotlib.text import Annotation

_MAX_LINES = 2  # of a label name
_MAX_REMARK = 4  # lines of a text without a score
_MARGIN, _GAP, _PAD = 0.15, 0.28, 0.08  # inches: around the grid, between images, above the text
_LINE_HEIGHT, _LINE_GAP = 1.25, 0.2  # in font sizes: a line, the space between texts


class Line(NamedTuple):
    """A line of a caption: a coloured mark, a text and a score."""

    mark: tuple[str, str] | None
    text: str
    score: str = ""
    faint: bool = False

    def __str__(self) -> str:
        mark = "" if self.mark is None else self.mark[0]
        return " ".join(part for part in (mark, self.text, self.score) if part)


class PictureGrid:
    """Positions and sizes of images and captions, in inches.

    All images are in boxes of the same size, with captions wrapped to the width of the box.
    The total size follows from that, and is scaled to the figure.
    """

    def __init__(
        self,
        pictures: list[Image.Image],
        captions: list[list[Line]],
        n_columns: int,
        font_size: float,
    ) -> None:
        self.pictures = pictures
        self.n_columns = n_columns
        self.font_size = font_size
        self.box_width = 1.75 if n_columns > 3 else 2.2
        tallest = max(picture.height / picture.width for picture in pictures)
        self.box_height = self.box_width * min(max(tallest, 0.5), 1.0)
        lines = [line for caption in captions for line in caption]
        self.mark_width = 1.3 * font_size if any(line.mark for line in lines) else 0.0
        score_width = max(_text_width(line.score, font_size) for line in lines)
        self.wrapped = [
            [line._replace(text=self._wrap(line, score_width)) for line in caption]
            for caption in captions
        ]
        heights = [sum(map(self._height, caption)) for caption in self.wrapped]
        self.row_heights = [
            self.box_height + _PAD + max(heights[i : i + n_columns])
            for i in range(0, len(pictures), n_columns)
        ]

    def _height(self, line: Line) -> float:
        n_lines = line.text.count("\n") + 1
        return self.font_size * (n_lines * _LINE_HEIGHT + _LINE_GAP) / 72

    @property
    def size(self) -> tuple[float, float]:
        """Total width and height."""
        width = 2 * _MARGIN + self.n_columns * (self.box_width + _GAP) - _GAP
        return width, 2 * _MARGIN + sum(self.row_heights) + _GAP * (len(self.row_heights) - 1)

    def _wrap(self, line: Line, score_width: float) -> str:
        width = 72 * self.box_width - self.mark_width
        if not line.score:
            return _wrapped(line.text, width, self.font_size, _MAX_REMARK)
        width -= score_width + 0.8 * self.font_size
        return _wrapped(line.text, width, self.font_size, _MAX_LINES)

    def draw(self, figure: Figure, ink: str) -> tuple[list[Axes], list[list[Annotation]]]:
        """Draw images and captions in a figure; returns their axes and texts."""
        box = figure.bbox
        width, height = box.width / figure.dpi, box.height / figure.dpi
        scale = min(width / self.size[0], height / self.size[1])
        left, top = (width - scale * self.size[0]) / 2, (height + scale * self.size[1]) / 2
        axes, texts = [], []
        for i, picture in enumerate(self.pictures):
            row, column = divmod(i, self.n_columns)
            x = _MARGIN + column * (self.box_width + _GAP)
            y = _MARGIN + sum(self.row_heights[:row]) + row * _GAP + self.box_height
            ax = figure.add_axes(
                (
                    (left + scale * x) / width,
                    (top - scale * y) / height,
                    scale * self.box_width / width,
                    scale * self.box_height / height,
                ),
                label=f"picture {i}",
            )
            self._show(ax, picture, ink)
            axes.append(ax)
            texts.append(self._write(ax, self.wrapped[i], scale, ink))
        return axes, texts

    def _show(self, ax: Axes, picture: Image.Image, ink: str) -> None:
        """Show the whole image, centred in its box."""
        ax.imshow(picture)
        ratio = self.box_height / self.box_width
        width = max(picture.width, picture.height / ratio)
        x, y = picture.width / 2 - 0.5, picture.height / 2 - 0.5
        ax.set(xlim=(x - width / 2, x + width / 2))
        ax.set(ylim=(y + width * ratio / 2, y - width * ratio / 2))
        ax.set(xticks=[], yticks=[], facecolor=(0.5, 0.5, 0.5, 0.12))
        ax.spines[:].set_visible(False)

    def _write(self, ax: Axes, lines: list[Line], scale: float, ink: str) -> list[Annotation]:
        texts = []
        top = -_PAD
        for line in lines:
            style: Settings = {"color": ink, "alpha": 0.65 if line.faint else 1.0}
            y = 72 * top - self.font_size  # the baseline
            parts: list[tuple[float, float, str, Settings]] = []
            if line.mark is not None:
                mark, colour = line.mark
                parts.append((0.0, y, mark, {"color": colour, "family": "DejaVu Sans"}))
            for k, text in enumerate(line.text.split("\n")):
                parts.append((self.mark_width, y - k * _LINE_HEIGHT * self.font_size, text, style))
            if line.score:
                parts.append((72 * self.box_width, y, line.score, {**style, "ha": "right"}))
            for x, baseline, text, own in parts:
                texts.append(
                    ax.annotate(
                        text,
                        (0, 0),
                        xycoords="axes fraction",
                        xytext=(scale * x, scale * baseline),
                        textcoords="offset points",
                        va="baseline",
                        size=scale * self.font_size,
                        annotation_clip=False,
                        parse_math=False,  # a name may contain "$"
                        usetex=False,
                        **own,
                    )
                )
            top -= self._height(line)
        return texts


def suitable_columns(n_images: int) -> int:
    """Up to five images in one row, else three to six columns that best fill the last row."""
    if n_images <= 5:
        return n_images
    return min(range(min(6, -(-n_images // 2)), 2, -1), key=lambda n: -n_images % n)


@lru_cache(maxsize=10_000)
def _text_width(text: str, size: float) -> float:
    """Width in points, in matplotlib's current font."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)[0]


def _wrapped(text: str, width: float, size: float, max_lines: int) -> str:
    """Break a text into lines of at most `width` points; a cut text ends in "…"."""
    width *= 0.97  # drawn widths are rounded to pixels
    lines = [""]
    for word in re.findall(r"[^\s/_-]*[\s/_-]?", text):
        if _text_width((lines[-1] + word).rstrip(), size) > width and lines[-1]:
            lines.append("")
        for letter in word:
            if lines[-1] and _text_width((lines[-1] + letter).rstrip(), size) > width:
                lines.append("")
            lines[-1] += letter
        if len(lines) > max_lines:
            last = lines[max_lines - 1].rstrip()
            while last and _text_width(last + "…", size) > width:
                last = last[:-1].rstrip()
            lines[max_lines - 1 :] = [last + "…"]
            break
    return "\n".join(line.strip() for line in lines)
