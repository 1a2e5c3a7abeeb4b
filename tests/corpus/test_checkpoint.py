import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_tai.corpus._checkpoint import Checkpoint

SETTINGS = {"labels": ["dog"], "model": "m", "seed": 0}


def record(i, variation=0):
    return {"set": i, "variation": variation, "text": f"text {i} “ü”", "shortened": False}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "folder" / "captions.jsonl"
    store = Checkpoint(path, SETTINGS)
    store.add(record(0))
    store.add(record(1))
    store.close()
    return path


def test_goes_on(path):
    store = Checkpoint(path, SETTINGS)
    assert store.records == {(0, 0): record(0), (1, 0): record(1)}
    store.add(record(2))
    store.close()
    assert len(path.read_text().splitlines()) == 4
    assert Checkpoint.stored_settings(path) == SETTINGS


def test_a_cut_last_line_is_repaired_wherever_it_was_cut(path):
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    for n_bytes in range(len(whole)):
        path.write_bytes(whole[:n_bytes])
        store = Checkpoint(path, SETTINGS)
        finished = sum(n_bytes >= sum(map(len, lines[:k])) for k in (2, 3))
        assert len(store.records) == finished
        store.add(record(5))
        store.close()
        again = Checkpoint(path, SETTINGS)  # every line is complete
        assert len(again.records) == finished + 1
        again.close()


def test_other_settings_are_refused(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"model was 'm', is 'other'.*another path"):
        Checkpoint(path, {**SETTINGS, "model": "other"})
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        "# My notes\nlast line is precious",
        "# notes without end",
        "{}\n",
        '{"format": "geo", "data": [1, 2]}',
    ],
)
def test_other_files_are_not_touched(tmp_path, content):
    path = tmp_path / "notes.md"
    path.write_text(content)
    with pytest.raises(ValueError, match="line 1 does not belong to a checkpoint"):
        Checkpoint(path, SETTINGS)
    assert path.read_text() == content


def test_a_bad_line_is_named(path):
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "rubbish", lines[2]]) + "\n")
    with pytest.raises(ValueError, match="line 2 does not belong"):
        Checkpoint(path, SETTINGS)


def test_a_folder(tmp_path):
    with pytest.raises(ValueError, match="is a folder"):
        Checkpoint(tmp_path, SETTINGS)


def test_in_memory():
    store = Checkpoint(None, SETTINGS)
    store.add(record(0))
    assert json.loads(json.dumps(store.records[0, 0])) == record(0)


def test_odd_line_separators_in_settings(tmp_path):
    settings = {**SETTINGS, "system": "Be brief.\u2028Be kind.\x85"}
    for _ in range(2):
        store = Checkpoint(tmp_path / "captions.jsonl", settings)
        store.add(record(0))
        store.close()


def test_two_at_a_time(tmp_path):
    store = Checkpoint(tmp_path / "c.jsonl", {"a": 1})
    store.add({"set": 0, "variation": 0, "labels": ["dog"], "text": "A dog", "shortened": False})
    before = (tmp_path / "c.jsonl").read_bytes()
    with pytest.raises(BlockingIOError, match=r"c\.jsonl' is in use by another generator"):
        Checkpoint(tmp_path / "c.jsonl", {"a": 1})
    assert (tmp_path / "c.jsonl").read_bytes() == before
    store.close()
    again = Checkpoint(tmp_path / "c.jsonl", {"a": 1})
    assert len(again.records) == 1
    again.close()


@settings(max_examples=60, deadline=None)
@given(
    key=st.sampled_from(["set", "variation", "text", "shortened", "labels", "reason"]),
    value=st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists),
)
def test_forged_records(key, value, tmp_path_factory):
    path = tmp_path_factory.mktemp("made_up") / "c.jsonl"
    record = {"set": 0, "variation": 0, "labels": ["dog"], "text": "A dog", "shortened": False}
    Checkpoint(path, {"a": 1}).close()
    with path.open("a") as file:
        file.write(json.dumps({**record, key: value}) + "\n")
    try:
        store = Checkpoint(path, {"a": 1})
    except ValueError as error:
        assert "line 2 does not belong to a checkpoint" in str(error)  # noqa: PT017
        return
    for (i, variation), kept in store.records.items():
        assert type(i) is type(variation) is int
        assert isinstance(kept["text"] or kept["reason"], str)
    store.close()
