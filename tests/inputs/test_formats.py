"""HEIC, AVIF and camera raw files, opened as the encoder opens them."""

import numpy as np
import pytest
from PIL import Image, features

from sklearn_tai.exceptions import ImageReadError
from sklearn_tai.inputs import open_image

LEFT_RED = np.zeros((120, 160, 3), np.uint8)
LEFT_RED[:, :80, 0] = LEFT_RED[:, 80:, 2] = 255


def colours(picture):
    """Colours of the left and right half, or of the upper and lower half."""
    width, height = picture.size
    return [picture.getpixel(at) for at in ((width // 8, height // 8), (width - 9, height - 9))]


def is_near(found, expected):
    return np.abs(np.array(found) - expected).max() < 40


@pytest.mark.parametrize("suffix", [".heic", ".HEIF", ".avif"])
def test_phones(tmp_path, suffix):
    path = tmp_path / f"photo{suffix}"
    if suffix == ".avif":
        if not features.check("avif"):
            pytest.skip("this Pillow has no AVIF")
        Image.fromarray(LEFT_RED).save(path)
    else:
        pytest.importorskip("pillow_heif").from_pillow(Image.fromarray(LEFT_RED)).save(path)
    picture = open_image(path, 0)
    assert picture.size == (160, 120)
    assert is_near(colours(picture), [(255, 0, 0), (0, 0, 255)])


@pytest.mark.parametrize("turned", [1, 6])
def test_cameras(tmp_path, turned):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("rawpy")
    path = tmp_path / "photo.dng"
    write_dng(tifffile, path, turned)
    picture = open_image(path, 0)  # at half size
    assert picture.size == ((80, 60) if turned == 1 else (60, 80))
    assert is_near(colours(picture), [(255, 0, 0), (0, 0, 255)])


def write_dng(tifffile, path, turned):
    """Write the raw data of a camera's sensor: red and blue behind a Bayer filter."""
    sensor = np.zeros((120, 160), np.uint16)
    for (row, column), channel in {(0, 0): 0, (0, 1): 1, (1, 0): 1, (1, 1): 2}.items():
        seen = LEFT_RED[row::2, column::2, channel]
        sensor[row::2, column::2] = seen.astype(np.uint16) * 150
    of_srgb = [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.204, 1.057]]
    matrix = [x for value in np.ravel(of_srgb) for x in (round(value * 10_000), 10_000)]
    tifffile.imwrite(
        path,
        sensor,
        photometric="CFA",
        extratags=[
            (274, "H", 1, turned, True),
            (271, "s", 0, "Maker", True),
            (272, "s", 0, "Model", True),
            (33421, "H", 2, (2, 2), True),
            (33422, "B", 4, (0, 1, 1, 2), True),
            (50706, "B", 4, (1, 4, 0, 0), True),
            (50708, "s", 0, "Maker Model", True),
            (50717, "H", 1, 65535, True),
            (50721, "2i", 9, tuple(matrix), True),
            (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),
        ],
    )


@pytest.mark.parametrize(
    ("name", "package", "reason"),
    [
        ("photo.heic", "pillow_heif", "is a HEIC picture"),
        ("photo.nef", "rawpy", "is a camera's raw file"),
    ],
)
def test_without_the_package_the_error_says_what_to_install(
    tmp_path, monkeypatch, name, package, reason
):
    import sys

    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(ImageReadError, match=rf"{name}.*{reason}.*install.*rawpy"):
        open_image(tmp_path / name, 0)


@pytest.mark.parametrize("name", ["photo.heic", "photo.avif", "photo.cr3"])
def test_broken_files(tmp_path, name):
    pytest.importorskip("pillow_heif")
    pytest.importorskip("rawpy")
    (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(ImageReadError, match=f"{name}.*cannot be read as an image"):
        open_image(tmp_path / name, 0)
