import shutil
from pathlib import Path

import numpy as np
import pytest

from sklearn_tai.datasets import load_voc2007

LABELS = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike "
    "person pottedplant sheep sofa train tvmonitor"
).split()


def write_split(voc, split, ids, values=None):
    """Write the lists of a split: the values of each label, by default -1."""
    main = voc / "ImageSets" / "Main"
    main.mkdir(parents=True, exist_ok=True)
    for label in LABELS:
        column = (values or {}).get(label, [-1] * len(ids))
        # the values are aligned, as in the published files: "000005 -1" and "000007  1"
        (main / f"{label}_{split}.txt").write_text(
            "".join(f"{i} {value:2d}\n" for i, value in zip(ids, column))
        )


@pytest.fixture
def voc(tmp_path):
    folder = tmp_path / "VOCdevkit" / "VOC2007"
    values = {"dog": [1, -1, 0], "tvmonitor": [-1, 1, 0], "person": [0, -1, 1]}
    write_split(folder, "trainval", ["000005", "000007", "000009"], values)
    write_split(folder, "test", ["000001"], {"pottedplant": [1]})
    (folder / "JPEGImages").mkdir()
    for i in ("000001", "000005", "000007", "000009"):
        (folder / "JPEGImages" / f"{i}.jpg").touch()  # empty: no image may be opened
    return folder


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_reads_layout_from_any_depth(voc, depth):
    root = [voc, *voc.parents][depth]
    bunch = load_voc2007(root)
    assert bunch.images == [voc / "JPEGImages" / f"00000{i}.jpg" for i in (5, 7, 9)]
    assert all(isinstance(image, Path) for image in bunch.images)
    assert bunch.Y.dtype == np.int8
    assert bunch.Y.shape == (3, 20)
    assert bunch.raw_label_names == LABELS
    assert bunch.label_names[10] == "dining table"
    assert bunch.label_names[15] == "potted plant"
    assert bunch.label_names[19] == "tv monitor"
    expected = {"dog": [1, 0, 0], "tv monitor": [0, 1, 0], "person": [0, 0, 1]}
    for label, column in zip(bunch.label_names, bunch.Y.T):
        np.testing.assert_array_equal(column, expected.get(label, [0, 0, 0]))
    assert "3 photographs" in bunch.DESCR
    assert "5,011" in bunch.DESCR
    assert "absent" in bunch.DESCR


def test_str_root_and_other_split(voc):
    bunch = load_voc2007(str(voc), "test")
    assert [image.name for image in bunch.images] == ["000001.jpg"]
    assert bunch.Y.sum() == bunch.Y[0, 15] == 1


@pytest.mark.parametrize(("difficult", "value"), [("absent", 0), ("present", 1), ("unknown", -1)])
def test_difficult(voc, difficult, value):
    bunch = load_voc2007(voc, difficult=difficult)
    assert bunch.Y[0, LABELS.index("person")] == value
    np.testing.assert_array_equal(bunch.Y[:, LABELS.index("dog")], [1, 0, value])
    assert difficult in bunch.DESCR


@pytest.mark.parametrize(("split", "n_images"), [("trainval", 5011), ("test", 4952)])
def test_published_counts(tmp_path, split, n_images):
    write_split(tmp_path, split, [f"{i:06d}" for i in range(n_images)], {"cat": [1] * n_images})
    bunch = load_voc2007(tmp_path, split, check_images=False)
    assert len(bunch.images) == n_images
    assert bunch.Y.shape == (n_images, 20)
    assert bunch.Y.sum() == n_images
    assert f"{n_images:,} photographs from Flickr (the published split has {n_images:,})" in (
        bunch.DESCR
    )


def test_windows_line_ends(voc):
    path = voc / "ImageSets" / "Main" / "dog_trainval.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    np.testing.assert_array_equal(load_voc2007(voc).Y[:, LABELS.index("dog")], [1, 0, 0])


def test_unknown_options(voc):
    with pytest.raises(ValueError, match=r"split is 'tests'; expected 'trainval' or 'train'"):
        load_voc2007(voc, "tests")
    with pytest.raises(ValueError, match="difficult is None; expected 'absent' or"):
        load_voc2007(voc, difficult=None)


def test_wrong_root(voc, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"root is '.*nowhere', which does not exist"):
        load_voc2007(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match="which is a file"):
        load_voc2007(voc / "JPEGImages" / "000001.jpg")
    with pytest.raises(FileNotFoundError) as caught:
        load_voc2007(voc / "JPEGImages", "test")
    message = str(caught.value)
    assert message.count("Main") == 4  # what is missing, and the three places tried
    assert "Extract VOCtest_06-Nov-2007.tar" in message


def test_split_not_extracted(voc):
    with pytest.raises(FileNotFoundError, match=r"20 of the 20 files of the split 'val'.*15 more"):
        load_voc2007(voc, "val")
    (voc / "ImageSets" / "Main" / "cow_test.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 20 .*cow_test\.txt'\. Extract VOCtest"):
        load_voc2007(voc, "test")


def test_missing_images(voc):
    (voc / "JPEGImages" / "000007.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 3 images .*000007\.jpg'\. Extract VOC"):
        load_voc2007(voc)
    shutil.rmtree(voc / "JPEGImages")
    with pytest.raises(FileNotFoundError, match=r"3 of the 3 images .*check_images=False"):
        load_voc2007(voc)
    assert len(load_voc2007(voc, check_images=False).images) == 3


@pytest.mark.parametrize("line", ["000007", "000007 2", "000007 1 1", "", "000007 yes"])
def test_malformed_line(voc, line):
    (voc / "ImageSets" / "Main" / "car_trainval.txt").write_text(f"000005 -1\n{line}\n000009 -1")
    with pytest.raises(ValueError, match=rf"car_trainval\.txt', line 2: '{line}'; expected an im"):
        load_voc2007(voc)


def test_files_that_differ(voc):
    path = voc / "ImageSets" / "Main" / "car_trainval.txt"
    path.write_text("000005 -1\n000008 -1\n000009 -1\n")
    with pytest.raises(ValueError, match=r"car_trainval.txt' lists 3 .*differ from line 2 on"):
        load_voc2007(voc)
    path.write_text("000005 -1\n000007 -1\n")
    with pytest.raises(ValueError, match=r"lists 2 images and .*aeroplane.* from line 3 on"):
        load_voc2007(voc)


def test_damaged_file(voc):
    path = voc / "ImageSets" / "Main" / "car_trainval.txt"
    path.write_bytes(b"000005 -1\n\xff\xfe -1\n")
    with pytest.raises(ValueError, match=r"car_trainval\.txt', line 2: not UTF-8"):
        load_voc2007(voc)
    path.write_text("\n")
    with pytest.raises(ValueError, match=r"car_trainval\.txt' is empty"):
        load_voc2007(voc)
