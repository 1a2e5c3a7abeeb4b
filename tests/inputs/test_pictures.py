import contextlib
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image
from sklearn.base import clone

from sklearn_tai.exceptions import ImageReadError
from sklearn_tai.inputs import open_image
from sklearn_tai.web._input import Mistake, open_picture

PICTURE = np.zeros((4, 6, 3), dtype=np.uint8)


def test_open_image(tmp_path):
    Image.fromarray(PICTURE).convert("L").save(tmp_path / "grey.png")
    for item in (tmp_path / "grey.png", PICTURE, Image.fromarray(PICTURE).convert("P")):
        picture = open_image(item, 0)
        assert (picture.mode, picture.size) == ("RGB", (6, 4))


def test_open_image_turns_by_exif(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    Image.fromarray(PICTURE).save(tmp_path / "turned.jpg", exif=exif)
    assert open_image(tmp_path / "turned.jpg", 0).size == (4, 6)
    with Image.open(tmp_path / "turned.jpg") as picture:
        assert open_image(picture, 0).size == (4, 6)


def test_unreadable_images(tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"X\[7\].*broken.png.*cannot be read as an image"):
        open_image(broken, 7)
    with pytest.raises(FileNotFoundError, match=r"X\[7\].*does not exist. Check the path"):
        open_image(tmp_path / "none.png", 7)
    whole = tmp_path / "whole.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(whole)
    broken.write_bytes(whole.read_bytes()[:2000])
    with pytest.raises(ValueError, match="cannot be read"):
        open_image(broken, 0)


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    # keep the other end open, or a program that opens the pipe would hang
    writer = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    yield path
    os.close(writer)


def test_pipes_sockets_and_devices(pipe, tmp_path, encoder):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.png"))
        for path in (pipe, tmp_path / "s.png", Path("/dev/zero")):
            with pytest.raises(ImageReadError, match="is a pipe, a socket or a device"):
                open_image(path, 0)
    before = os.stat(pipe).st_atime_ns
    for cache in ("memory", tmp_path / "cache", None):
        with pytest.raises(ImageReadError, match="is a pipe, a socket or a device"):
            clone(encoder).set_params(cache=cache).transform([pipe])
    assert os.stat(pipe).st_atime_ns == before  # it was not read


def test_names_of_any_length(tmp_path, encoder):
    for path in (tmp_path / ("x" * 300 + ".png"), Path("/" + "x/" * 3000 + "x.png")):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            encoder.transform([path])


def test_programs_are_not_started(tmp_path, monkeypatch):
    """Pillow would start Ghostscript for an EPS file, whatever its name."""
    trap = tmp_path / "bin"
    trap.mkdir()
    (trap / "gs").write_text(f"#!/bin/sh\ntouch {tmp_path / 'started'}\n")
    (trap / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{trap}:{os.environ['PATH']}")
    EpsImagePlugin.gs_binary = None  # make it look for the program again
    file = tmp_path / "photo.jpg"
    EpsImagePlugin._save(Image.fromarray(PICTURE), file.open("wb"), str(file))
    with contextlib.suppress(OSError), Image.open(file) as picture:
        picture.load()
    assert (tmp_path / "started").exists()
    (tmp_path / "started").unlink()
    with pytest.raises(ImageReadError, match="cannot be read as an image"):
        open_image(file, 0)
    with pytest.raises(Mistake, match="cannot be read as an image"):
        open_picture(file)
    assert not (tmp_path / "started").exists()


def test_sixteen_bits(tmp_path):
    grey = np.linspace(0, 65535, 24).astype(np.uint16).reshape(4, 6)
    Image.fromarray(grey).save(tmp_path / "deep.png")
    picture = np.asarray(open_image(tmp_path / "deep.png", 0))
    np.testing.assert_array_equal(picture, np.repeat((grey >> 8)[..., None], 3, axis=2))
    # 32-bit integers with 8-bit values
    low = Image.fromarray((grey >> 8).astype(np.int32))
    np.testing.assert_array_equal(np.asarray(open_image(low, 0)), picture)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_modes(mode, tmp_path):
    colour = Image.new("RGB", (5, 7), (255, 255, 255))
    assert np.asarray(open_image(colour.convert(mode), 0)).min() >= 250


def test_first_frame_of_an_animation(tmp_path):
    frames = [Image.new("P", (8, 8), i) for i in range(3)]
    for frame in frames:
        frame.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    frames[1].save(tmp_path / "moving.gif", save_all=True, append_images=[frames[2], frames[0]])
    assert open_image(tmp_path / "moving.gif", 0).getpixel((0, 0)) == (255, 0, 0)


def test_one_pixel(encoder):
    assert np.isfinite(encoder.transform([np.full((1, 1, 3), 7, np.uint8)])).all()


@pytest.mark.filterwarnings("error")
def test_palette_with_transparency(tmp_path):
    picture = Image.new("P", (4, 4))
    picture.info["transparency"] = b"\x00\xff"
    assert open_image(picture, 0).mode == "RGB"


def large_jpegs(folder):
    """All kinds of JPEGs of the same image, 1200 x 900 pixels."""
    coarse = np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8)
    picture = Image.fromarray(coarse).resize((1200, 900), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(folder / "turned.jpg", exif=exif)
    picture.save(folder / "progressive.jpg", progressive=True, quality=95, subsampling=0)
    for mode in ("RGB", "L", "CMYK"):
        picture.convert(mode).save(folder / f"{mode}.jpg")
    picture.save(folder / "pair.jpg", "MPO", save_all=True, append_images=[picture.rotate(180)])
    return sorted(folder.glob("*.jpg"))


def test_a_large_jpeg_is_decoded_small(tmp_path):
    for path in large_jpegs(tmp_path):
        full, small = open_image(path, 0), open_image(path, 0, side=100)
        assert small.mode == "RGB"
        assert small.size == tuple(length // 2 for length in full.size)  # 300 are enough for 100
        np.testing.assert_allclose(small, full.reduce(2), atol=16, err_msg=path.name)
        for side in (151, None):
            np.testing.assert_array_equal(open_image(path, 0, side), full)
    assert open_image(tmp_path / "turned.jpg", 0, side=100).size == (450, 600)
    # 900 is not a multiple of 8, so 1/8 would distort the image
    assert open_image(tmp_path / "RGB.jpg", 0, side=12).size == (300, 225)


def test_a_large_broken_jpeg(tmp_path):
    for path in large_jpegs(tmp_path):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
        for side in (100, None):
            with pytest.raises(ImageReadError, match="truncated"):
                open_image(path, 0, side)
