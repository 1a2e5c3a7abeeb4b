import json

import numpy as np
import pytest

from sklearn_tai.datasets import load_coco

# ids skip numbers, as in the published files
CATEGORIES = [
    {"supercategory": "vehicle", "id": 13, "name": "stop sign"},
    {"supercategory": "person", "id": 1, "name": "person"},
    {"supercategory": "vehicle", "id": 2, "name": "bicycle"},
]


def image(i, name="train2014"):
    return {"id": i, "file_name": f"COCO_{name}_{i:012d}.jpg", "width": 640, "license": 1}


def annotation(image_id, category_id, **more):
    outline = {"segmentation": [[1.5, 2.0]], "bbox": [1, 2, 3, 4], "iscrowd": 0, "id": 7}
    return {"image_id": image_id, "category_id": category_id, **outline, **more}


def write(root, images, annotations, categories=CATEGORIES, name="train2014"):
    path = root / "annotations" / f"instances_{name}.json"
    path.parent.mkdir(exist_ok=True)
    content = {"info": {}, "images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def coco(tmp_path):
    images = [image(9), image(4), image(25)]
    crowd = annotation(25, 1, iscrowd=1, segmentation={"counts": [3, 5], "size": [2, 4]})
    write(tmp_path, images, [annotation(9, 13), annotation(9, 13), annotation(9, 2), crowd])
    (tmp_path / "train2014").mkdir()
    for entry in images:
        (tmp_path / "train2014" / entry["file_name"]).touch()  # empty: no image may be opened
    return tmp_path


def test_reads_layout(coco):
    bunch = load_coco(coco)
    folder = coco / "train2014"
    assert bunch.images == [folder / image(i)["file_name"] for i in (9, 25)]
    assert bunch.label_names == bunch.raw_label_names == ["person", "bicycle", "stop sign"]
    assert bunch.Y.dtype == np.int8
    np.testing.assert_array_equal(bunch.Y, [[0, 1, 1], [1, 0, 0]])
    assert "2 photographs" in bunch.DESCR
    assert "82,081" in bunch.DESCR


def test_keep_unannotated(coco):
    bunch = load_coco(str(coco), "train", 2014, unannotated="keep")
    assert [path.name[-6:-4] for path in bunch.images] == ["09", "04", "25"]
    np.testing.assert_array_equal(bunch.Y, [[0, 1, 1], [0, 0, 0], [1, 0, 0]])


def test_other_year_in_folder_images(tmp_path):
    write(tmp_path, [image(1)], [annotation(1, 2)], name="val2017")
    folder = tmp_path / "images" / "val2017"
    folder.mkdir(parents=True)
    (folder / image(1)["file_name"]).touch()
    assert load_coco(tmp_path, "val", 2017).images == [folder / image(1)["file_name"]]


@pytest.mark.parametrize(
    ("split", "n_images", "n_annotated"), [("train", 82783, 82081), ("val", 40504, 40137)]
)
def test_published_counts(tmp_path, split, n_images, n_annotated):
    categories = [{"id": 90 - i, "name": f"label {i:02d}"} for i in range(80)]
    write(
        tmp_path,
        [image(i) for i in range(n_images)],
        [annotation(i, 90 - i % 80) for i in range(n_annotated)],
        categories,
        f"{split}2014",
    )
    bunch = load_coco(tmp_path, split, check_images=False)
    assert len(bunch.images) == n_annotated
    assert bunch.Y.shape == (n_annotated, 80)
    assert bunch.Y.sum() == n_annotated
    assert f"{n_annotated:,} photographs" in bunch.DESCR
    assert f"{n_images:,}, {n_annotated:,} of" in bunch.DESCR
    kept = load_coco(tmp_path, split, unannotated="keep", check_images=False)
    assert kept.Y.shape == (n_images, 80)


def test_unknown_options(coco):
    with pytest.raises(ValueError, match=r"split is 'test'; expected 'train' or 'val'. Test spli"):
        load_coco(coco, "test")
    with pytest.raises(ValueError, match="year is '2014'; expected 2014 or 2017"):
        load_coco(coco, "train", "2014")
    with pytest.raises(ValueError, match="unannotated is True; expected 'drop' or 'keep'"):
        load_coco(coco, unannotated=True)


def test_wrong_root(coco):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_coco(coco / "nowhere")
    with pytest.raises(FileNotFoundError) as caught:
        load_coco(coco, "val", 2017)
    message = str(caught.value)
    assert "instances_val2017.json" in message
    assert "Extract annotations_trainval2017.zip" in message


def test_missing_images(coco):
    (coco / "train2014" / image(4)["file_name"]).unlink()
    load_coco(coco)  # without annotations, so not needed
    with pytest.raises(
        FileNotFoundError, match=r"1 of the 3 images .*4\.jpg'\. Extract train2014"
    ):
        load_coco(coco, unannotated="keep")
    assert len(load_coco(coco, unannotated="keep", check_images=False).images) == 3


def test_not_json(coco):
    path = write(coco, [image(1)], [])
    path.write_text('{"images": [],\n "annotations": [}')
    with pytest.raises(
        ValueError, match=r"instances_train2014\.json': line 2, column 18: not JSON"
    ):
        load_coco(coco)
    path.write_bytes(b'{"images": [],\n "annotations": "\xff"}')
    with pytest.raises(ValueError, match=r"instances_train2014\.json', line 2: not UTF-8"):
        load_coco(coco)
    path.write_text("[]")
    with pytest.raises(ValueError, match="holds a list; expected a JSON object"):
        load_coco(coco)
    path.write_text("")
    with pytest.raises(ValueError, match="line 1, column 1: not JSON"):
        load_coco(coco)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": None}, "has no list 'categories'"),
        # captions_train2014.json renamed: annotations without a category
        (
            {"annotations": [{"image_id": 9}]},
            r"annotations\[0\] is .* expected its 'category_id' of type int",
        ),
        ({"annotations": ["x"]}, r"annotations\[0\] is 'x'; expected"),
        ({"images": [{"id": 1}]}, r"images\[0\] is \{'id': 1\}; expected its 'file_name'"),
        ({"images": [image(9), image(9)]}, "two of its images have the id 9"),
        ({"annotations": [annotation(9, 1), annotation(3, 1)]}, r"\[1\] is .*has the id 3"),
        ({"annotations": [annotation(9, 12)]}, r"annotations\[0\] is .*has the id 12"),
        ({"categories": [], "annotations": []}, "categories are not usable .* is empty"),
        (
            {"categories": [*CATEGORIES, {"id": 3, "name": "person"}]},
            "categories are not usable .*'person'.* more than once",
        ),
        ({"annotations": []}, "it annotates no image"),
    ],
)
def test_malformed_content(coco, change, message):
    path = coco / "annotations" / "instances_train2014.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(ValueError, match=rf"instances_train2014\.json': .*{message}"):
        load_coco(coco)
