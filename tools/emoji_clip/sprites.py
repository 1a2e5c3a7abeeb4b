"""Fetch the pictogram packages from npm and turn them into square RGBA sprites."""

from __future__ import annotations

import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from vocabulary import load_vocabulary

SPRITE_SIZE = 80  # the largest size in training scenes

# style: (npm package and version, folder of its pictures). Licences: see
# sklearn_tai/encoders/models/tai-tiny/README.md.
TRAIN_STYLES = {
    "noto": ("emoji-datasource-google@16.0.0", "img/google/64"),
    "twemoji": ("emoji-datasource-twitter@16.0.0", "img/twitter/64"),
    "fluent-flat": ("@lobehub/fluent-emoji-flat@1.1.0", "assets"),
    "fluent-modern": ("@lobehub/fluent-emoji-modern@1.0.0", "assets"),
}
TEST_STYLES = {"fluent-3d": ("@lobehub/fluent-emoji-3d@1.1.0", "assets")}


def fetch(package: str, folder: Path) -> Path:
    """Unpack an npm package in `folder`, unless it is already there."""
    name = package.rpartition("@")[0].replace("/", "-").strip("@")
    target = folder / name
    if not target.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            ["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True
        )
        archive = folder / done.stdout.decode().split()[-1]
        partial = folder / f"{name}.partial"
        with tarfile.open(archive) as tar:
            tar.extractall(partial, filter="data")
        shutil.move(str(partial), str(target))
        archive.unlink()
    return target / "package"


def _candidates(code: str) -> list[str]:
    bare = code.replace("-fe0f", "")
    return list(dict.fromkeys([code, bare, f"{bare}-fe0f"]))


def _open(path: Path) -> Image.Image:
    if path.suffix == ".svg":
        import resvg_py

        png = bytes(resvg_py.svg_to_bytes(svg_path=str(path), width=128, height=128))
        return Image.open(io.BytesIO(png)).convert("RGBA")
    return Image.open(path).convert("RGBA")


def _square(picture: Image.Image, size: int) -> Image.Image:
    """Crop transparent margins, centre in a square, resize."""
    box = picture.getchannel("A").point(lambda a: 255 * (a > 16)).getbbox()
    picture = picture.crop(box)
    side = max(picture.size)
    canvas = Image.new("RGBA", (side, side))
    canvas.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return canvas.resize((size, size), Image.Resampling.LANCZOS)


def load_sprites(styles: dict, folder: Path, size: int = SPRITE_SIZE) -> list[list[np.ndarray]]:
    """Sprites of each entry in the vocabulary, for all its code points and `styles`."""
    roots = {style: fetch(package, folder) / sub for style, (package, sub) in styles.items()}
    sprites = []
    for entry in load_vocabulary():
        found = []
        for root in roots.values():
            for code in entry.codes:
                for name in _candidates(code):
                    paths = [root / f"{name}{ext}" for ext in (".svg", ".png", ".webp")]
                    path = next((p for p in paths if p.is_file()), None)
                    if path is not None:
                        found.append(np.asarray(_square(_open(path), size)))
                        break
        sprites.append(found)
    return sprites
