import json
import os
import shutil
import signal
import subprocess
import time
from itertools import count

import numpy as np
import pytest
from PIL import Image

from sklearn_tai.deploy import remove_keywords, write_keywords

exiv2 = pytest.importorskip("exiv2")
FORMATS = ["jpg", "png", "webp", "tif"]
NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.fixture(params=FORMATS)
def photo(request, tmp_path):
    path = tmp_path / f"photo.{request.param}"
    Image.fromarray(NOISE).save(path)
    image = exiv2.ImageFactory.open(str(path))
    image.xmpData()["Xmp.dc.subject"] = ["holiday", "dog"]
    image.xmpData()["Xmp.dc.title"] = "On the beach"
    image.exifData()["Exif.Image.Artist"] = "Ada"
    image.writeMetadata()
    return path


def read(path):
    """All keywords, our own, and IPTC keywords; read by exiftool if it is installed."""
    if shutil.which("exiftool") is None:
        image = exiv2.ImageFactory.open(str(path))
        image.readMetadata()
        xmp = image.xmpData()
        found = [
            [str(word) for word in xmp[key].value()] if key in xmp else []
            for key in ("Xmp.dc.subject", "Xmp.lr.hierarchicalSubject")
        ]
        iptc = image.iptcData()
        words = [d.toString() for d in iptc if d.key() == "Iptc.Application2.Keywords"]
        return [*found, words]
    fields = ["-XMP-dc:Subject", "-XMP-lr:HierarchicalSubject", "-IPTC:Keywords"]
    command = ["exiftool", "-json", "-struct", *fields, str(path)]
    (said,) = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    values = [said.get(f.partition(":")[2], []) for f in fields]
    return [[str(v)] if not isinstance(v, list) else list(map(str, v)) for v in values]


def test_sidecar(photo):
    before = photo.read_bytes()
    assert write_keywords(photo, ["dog", "größe", "日本", "a|b"])
    sidecar = photo.with_name(photo.name + ".xmp")
    words, ours, _ = read(sidecar)
    assert words == ["dog", "größe", "日本", "a|b"]
    assert ours == [f"sklearn-tai|{word}" for word in ("dog", "größe", "日本", "a/b")]
    assert not write_keywords(photo, ["dog", "größe", "日本", "a|b"])
    assert write_keywords(photo, ["cat"])
    assert read(sidecar)[0] == ["cat"]
    assert remove_keywords(photo)
    assert sorted(photo.parent.iterdir()) == [photo]
    assert photo.read_bytes() == before


def test_a_foreign_sidecar_keeps_its_content(photo):
    sidecar = photo.with_name(photo.name + ".xmp")
    image = exiv2.ImageFactory.create(exiv2.ImageType.xmp, str(sidecar))
    image.xmpData()["Xmp.dc.subject"] = ["summer", "dog"]
    image.xmpData()["Xmp.xmp.Rating"] = "5"
    image.writeMetadata()
    write_keywords(photo, ["dog", "cat"])
    assert read(sidecar)[:2] == [["summer", "dog", "cat"], ["sklearn-tai|cat"]]
    remove_keywords(photo)
    assert read(sidecar)[:2] == [["summer", "dog"], []]
    assert b"Rating" in sidecar.read_bytes()


def test_embedded(photo):
    write_keywords(photo, ["dog", "cat", "größe"], embed=True)
    words, ours, iptc = read(photo)
    assert words == ["holiday", "dog", "cat", "größe"]
    assert ours == ["sklearn-tai|cat", "sklearn-tai|größe"]  # "dog" was the owner's before
    assert iptc == (["cat", "größe"] if photo.suffix in (".jpg", ".tif") else [])
    write_keywords(photo, ["boat"], embed=True)
    assert read(photo)[0] == ["holiday", "dog", "boat"]
    assert remove_keywords(photo, embed=True)
    assert not remove_keywords(photo, embed=True)
    assert read(photo) == [["holiday", "dog"], [], []]
    image = exiv2.ImageFactory.open(str(photo))
    image.readMetadata()
    assert image.exifData()["Exif.Image.Artist"].toString() == "Ada"
    assert "On the beach" in image.xmpData()["Xmp.dc.title"].toString()
    assert sorted(photo.parent.iterdir()) == [photo]


@pytest.mark.parametrize("suffix", FORMATS)
def test_pixels_stay(suffix, tmp_path):
    photo = tmp_path / f"photo.{suffix}"
    Image.fromarray(NOISE).save(photo)
    with Image.open(photo) as picture:
        before = np.asarray(picture)
    write_keywords(photo, ["dog"], embed=True)
    with Image.open(photo) as picture:
        np.testing.assert_array_equal(np.asarray(picture), before)


def test_keywords_of_another_character_set_stay(tmp_path):
    photo = tmp_path / "photo.jpg"
    Image.fromarray(NOISE).save(photo)
    image = exiv2.ImageFactory.open(str(photo))
    datum = exiv2.Iptcdatum(exiv2.IptcKey("Iptc.Application2.Keywords"))
    datum.setValue(exiv2.DataValue("größe".encode("latin-1")))
    image.iptcData().add(datum)
    image.writeMetadata()
    write_keywords(photo, ["dog", "straße"], embed=True)
    assert "größe".encode("latin-1") in photo.read_bytes()
    words, _, iptc = read(photo)
    assert words == ["dog", "straße"]
    assert iptc[1:] == ["dog"]
    remove_keywords(photo, embed=True)
    assert "größe".encode("latin-1") in photo.read_bytes()


@pytest.mark.parametrize("embed", [False, True])
def test_a_dry_run_changes_nothing(photo, embed):
    before = photo.read_bytes()
    assert write_keywords(photo, ["cat"], embed=embed, dry_run=True)
    assert not remove_keywords(photo, embed=embed, dry_run=True)
    assert sorted(photo.parent.iterdir()) == [photo]
    assert photo.read_bytes() == before


def test_errors_change_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.jpg"):
        write_keywords(tmp_path / "missing.jpg", ["dog"])
    moving = tmp_path / "moving.gif"
    Image.fromarray(NOISE).save(moving)
    before = moving.read_bytes()
    with pytest.raises(ValueError, match=r"moving\.gif.*takes no keywords.*sidecar"):
        write_keywords(moving, ["dog"], embed=True)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    sidecar = tmp_path / "moving.gif.xmp"
    sidecar.write_text("no metadata")
    for photo, embed in ((broken, True), (moving, False)):
        with pytest.raises(ValueError, match=r"cannot be read.*left alone"):
            write_keywords(photo, ["dog"], embed=embed)
    assert moving.read_bytes() == before
    assert sidecar.read_text() == "no metadata"
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "broken.jpg",
        "moving.gif",
        "moving.gif.xmp",
    ]


def test_a_kill_never_damages_a_photo(tmp_path):
    photo = tmp_path / "photo.jpg"
    Image.fromarray(np.tile(NOISE, (20, 20, 1))).save(photo, quality=95)
    write_keywords(photo, ["mine"], embed=True)
    with Image.open(photo) as picture:
        pixels = np.asarray(picture)
    random = np.random.default_rng(0)
    for _ in range(20):
        child = os.fork()
        if not child:
            try:
                for n in count():
                    write_keywords(photo, [f"dog {n}", f"cat {n}"], embed=True)
            finally:  # do not return into pytest
                os._exit(1)
        time.sleep(random.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with Image.open(photo) as picture:
            np.testing.assert_array_equal(np.asarray(picture), pixels)
        words, ours, iptc = read(photo)
        assert [word.partition(" ")[0] for word in words] in (["mine"], ["dog", "cat"])
        assert iptc == words
        assert len(ours) == len(words)
    assert remove_keywords(photo, embed=True)
    assert os.listdir(tmp_path) == ["photo.jpg"]  # the next call removes leftovers of killed ones
