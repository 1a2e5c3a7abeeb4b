import numpy as np
import pytest

from sklearn_tai.datasets import load_nuswide

LABELS = (
    "airport animal beach bear birds boats book bridge buildings cars castle cat cityscape clouds "
    "computer coral cow dancing dog earthquake elk fire fish flags flowers food fox frost garden "
    "glacier grass harbor horses house lake leaf map military moon mountain nighttime ocean "
    "person plane plants police protest railroad rainbow reflection road rocks running sand sign "
    "sky snow soccer sports statue street sun sunset surf swimmers tattoo temple tiger tower town "
    "toy train tree valley vehicle water waterfall wedding whales window zebra"
).split()
NAMES = [r"actor\0001_2124494179.jpg", r"actor\0002_1.jpg", r"zoo\0001_3.jpg"]


def write(root, names=NAMES, positives=None, part="Train", labels=LABELS):
    """The lists of a split: for each label, the set of rows that show it."""
    for folder in ("ConceptsList", "ImageList", "Groundtruth/TrainTestLabels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "ConceptsList" / "Concepts81.txt").write_text("\n".join(labels) + "\n")
    list_path = root / "ImageList" / f"{part}Imagelist.txt"
    list_path.write_bytes("".join(f"{name}\r\n" for name in names).encode())
    for label in labels:
        rows = (positives or {}).get(label, ())
        column = "".join(f"{int(i in rows)}\n" for i in range(len(names)))
        label_path(root, label, part).write_text(column)


def label_path(root, label, part="Train"):
    return root / "Groundtruth" / "TrainTestLabels" / f"Labels_{label}_{part}.txt"


def write_images(root, folder="Flickr"):
    for name in NAMES:
        path = root / folder / name.replace("\\", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()  # empty: no image may be opened


@pytest.fixture
def nuswide(tmp_path):
    write(tmp_path, positives={"zebra": {0}, "cat": {0, 2}})
    write_images(tmp_path)
    return tmp_path


def test_reads_layout(nuswide):
    bunch = load_nuswide(str(nuswide))
    folder = nuswide / "Flickr"
    assert bunch.images == [
        folder / "actor" / "0001_2124494179.jpg",
        folder / "actor" / "0002_1.jpg",
        folder / "zoo" / "0001_3.jpg",
    ]
    assert bunch.label_names == bunch.raw_label_names == LABELS
    assert bunch.Y.dtype == np.int8
    assert bunch.Y.shape == (3, 81)
    assert bunch.Y.sum() == 3
    np.testing.assert_array_equal(bunch.Y[:, LABELS.index("cat")], [1, 0, 1])
    np.testing.assert_array_equal(bunch.Y[:, LABELS.index("zebra")], [1, 0, 0])
    assert "3 photographs" in bunch.DESCR
    assert "161,789" in bunch.DESCR


def test_drop_unlabelled(nuswide):
    (nuswide / "Flickr" / "actor" / "0002_1.jpg").unlink()  # the image without a label
    bunch = load_nuswide(nuswide, unlabelled="drop")
    assert [image.name for image in bunch.images] == ["0001_2124494179.jpg", "0001_3.jpg"]
    np.testing.assert_array_equal(bunch.Y.sum(axis=1), [2, 1])
    write(nuswide)
    with pytest.raises(ValueError, match="give no image any label"):
        load_nuswide(nuswide, unlabelled="drop")


def test_other_places(tmp_path):
    write(tmp_path, part="Test")
    (tmp_path / "ConceptsList" / "Concepts81.txt").rename(tmp_path / "Concepts81.txt")
    write_images(tmp_path, "images")
    bunch = load_nuswide(tmp_path, "test")
    assert bunch.images[2] == tmp_path / "images" / "zoo" / "0001_3.jpg"
    assert "107,859" in bunch.DESCR


def test_underscores_become_spaces(tmp_path):
    write(tmp_path, labels=["night_time", *LABELS[1:]])
    bunch = load_nuswide(tmp_path, check_images=False)
    assert bunch.label_names[0] == "night time"
    assert bunch.raw_label_names[0] == "night_time"


@pytest.mark.parametrize(("split", "n_images"), [("train", 161789), ("test", 107859)])
def test_published_counts(tmp_path, split, n_images):
    part = split.capitalize()
    write(tmp_path, names=["a\\1.jpg"], part=part)
    names = "".join(f"folder{i % 704}\\{i:06d}.jpg\r\n" for i in range(n_images))
    (tmp_path / "ImageList" / f"{part}Imagelist.txt").write_text(names)
    for label in LABELS:
        label_path(tmp_path, label, part).write_text("0\n" * (n_images - 1) + "1\n")
    bunch = load_nuswide(tmp_path, split, check_images=False)
    assert len(bunch.images) == n_images
    assert bunch.Y.shape == (n_images, 81)
    assert bunch.Y.sum() == bunch.Y[-1].sum() == 81
    assert f"{n_images:,} photographs from Flickr (the published split has {n_images:,})" in (
        bunch.DESCR
    )


def test_unknown_options(nuswide):
    with pytest.raises(ValueError, match="split is 'val'; expected 'train' or 'test'"):
        load_nuswide(nuswide, "val")
    with pytest.raises(ValueError, match="unlabelled is 'no'; expected 'drop' or 'keep'"):
        load_nuswide(nuswide, unlabelled="no")


def test_missing_files(nuswide):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_nuswide(nuswide / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"TestImagelist\.txt'\. Extract ImageList\.zip"):
        load_nuswide(nuswide, "test")
    label_path(nuswide, "cow").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"1 of the 81 .*Labels_cow_Train.*Groundtruth\.zip"
    ):
        load_nuswide(nuswide)
    (nuswide / "ConceptsList" / "Concepts81.txt").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"ConceptsList.*, '[^']*Concepts81.txt'\. Extract"
    ):
        load_nuswide(nuswide)


def test_missing_images(nuswide):
    (nuswide / "Flickr" / "zoo" / "0001_3.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"1 of the 3 images are missing: .*0001_3\.jpg'"):
        load_nuswide(nuswide)
    (nuswide / "Flickr").rename(nuswide / "pictures")
    with pytest.raises(FileNotFoundError, match=r"3 of the 3 .*Extract the images into .*Flickr"):
        load_nuswide(nuswide)
    assert len(load_nuswide(nuswide, check_images=False).images) == 3


@pytest.mark.parametrize("line", ["2", "", "0 1", "x"])
def test_malformed_label(nuswide, line):
    label_path(nuswide, "cow").write_text(f"0\n{line}\n0\n")
    with pytest.raises(ValueError, match=rf"cow_Train\.txt', line 2: '{line}'; expected 0 or 1"):
        load_nuswide(nuswide)


@pytest.mark.parametrize("line", ["0001.jpg", r"\0001.jpg", r"a\b\0001.jpg", "", "actor\\"])
def test_malformed_image(nuswide, line):
    path = nuswide / "ImageList" / "TrainImagelist.txt"
    path.write_text(f"{NAMES[0]}\n{line}\n{NAMES[2]}\n")
    with pytest.raises(ValueError, match=r"TrainImagelist\.txt', line 2: .*expected folder"):
        load_nuswide(nuswide)


def test_files_that_differ(nuswide):
    label_path(nuswide, "cow").write_text("0\n0\n")
    with pytest.raises(ValueError, match=r"cow_Train\.txt' has 2 lines but .* lists 3 images"):
        load_nuswide(nuswide)


def test_wrong_labels(nuswide):
    path = nuswide / "ConceptsList" / "Concepts81.txt"
    path.write_text("\n".join(LABELS[:80]))
    with pytest.raises(ValueError, match=r"Concepts81\.txt' names 80 labels; expected 81"):
        load_nuswide(nuswide)
    path.write_text("\n".join([*LABELS[:80], "airport"]))
    with pytest.raises(ValueError, match=r"Concepts81\.txt' is not usable .*'airport'"):
        load_nuswide(nuswide)
