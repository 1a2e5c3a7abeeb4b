"""Vocabularies: synonyms, groups and exclusive labels, and their text format."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from sklearn_tai.corpus import Vocabulary
from sklearn_tai.inputs import as_vocabulary, first_of_exclusive, with_group_labels, with_groups

TEXT = """
# what stands in the street
car = car, automobile , taxi
bus, bicycle   # two labels
C# notes
day
night
things =

vehicle: car, bus, bicycle
things: vehicle, C# notes
day | night
"""


@pytest.fixture
def vocabulary():
    return Vocabulary.from_text(TEXT)


def test_a_text_of_labels(vocabulary):
    assert dict(vocabulary) == {
        "car": ("car", "automobile", "taxi"),
        "bus": ("bus",),
        "bicycle": ("bicycle",),
        "C# notes": ("C# notes",),
        "day": ("day",),
        "night": ("night",),
        "things": (),
        "vehicle": ("vehicle",),
    }
    assert vocabulary.groups == {
        "vehicle": ("car", "bus", "bicycle"),
        "things": ("vehicle", "C# notes"),
    }
    assert vocabulary.below("things") == {"vehicle", "C# notes", "car", "bus", "bicycle"}
    assert vocabulary.below("car") == frozenset()
    assert vocabulary.exclusive == (("day", "night"),)


def test_round_trips(vocabulary, tmp_path):
    vocabulary.save(tmp_path / "labels.txt")
    others = [
        Vocabulary.load(tmp_path / "labels.txt"),
        Vocabulary(**vocabulary.to_dict()),
        Vocabulary(vocabulary),
        eval(repr(vocabulary)),
        pickle.loads(pickle.dumps(vocabulary)),
        copy.deepcopy(vocabulary),
        clone(vocabulary, safe=False),
        vocabulary | vocabulary,
    ]
    for other in others:
        assert other == vocabulary
        assert list(other) == list(vocabulary)
    (tmp_path / "windows.txt").write_bytes(b"\xef\xbb\xbfdog\r\ncat = cat,kitten\r\n")
    assert Vocabulary.load(tmp_path / "windows.txt") == Vocabulary(
        {"dog": ["dog"], "cat": ["cat", "kitten"]}
    )


def test_lists_and_mappings_are_accepted():
    plain = as_vocabulary(np.array(["dog", "cat"]))
    assert plain == Vocabulary({"dog": ["dog"], "cat": ["cat"]})
    assert plain.to_dict() == {"labels": ["dog", "cat"]}
    assert as_vocabulary(plain) is plain
    assert plain != Vocabulary(["cat", "dog"])
    assert plain != {"dog": ("dog",), "cat": ("cat",)}


def test_union():
    one = Vocabulary({"car": ["car"], "day": ["day"]}, groups={"thing": ["car"]})
    other = Vocabulary(
        {"bus": ["bus"], "car": ["automobile"], "day": ["day"], "night": ["night"]},
        groups={"thing": ["bus"]},
        exclusive=[["day", "night"]],
    )
    both = one | other
    assert list(both) == ["car", "day", "thing", "bus", "night"]
    assert both["car"] == ("car", "automobile")
    assert both.groups == {"thing": ("car", "bus")}
    assert both.exclusive == (("day", "night"),)
    with pytest.raises(TypeError):
        one | {"dog": ["dog"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no labels"),
        ("# nothing\n , ,\n", "no labels"),
        ("day | night", "no labels"),
        ("dog\ncat\ndog", "line 3: 'dog' appears more than once"),
        ("dog, dog", "line 1: 'dog' appears more than once"),
        ("a = b\na = c", "line 2: 'a' appears more than once"),
        ("dog\npet: dog\npet: dog", "line 3: 'pet' appears more than once"),
        ("dog\n= cat", "line 2 is '= cat'; expected a line like"),
        ("a = b = c", "line 1 .*expected a line like"),
        ("a: b: c", "line 1 .*expected a line like"),
        ("pet: dog | cat", "line 1 .*expected a line like"),
        ("dog = \ncat", r"labels\['dog'\] is empty"),
        ("dog\npet:", r"groups\['pet'\] is empty"),
        ("dog\npet: dog, wolf", r"groups\['pet'\] contains \['wolf'\], which are not labels"),
        ("day\nday | night", r"exclusive\[0\] contains \['night'\]"),
        ("day\nday |", r"exclusive\[0\]\[1\] is ''"),
        ("car = car, cab\ntaxi = taxi, cab", "'cab' is a name of 'car' and of 'taxi'"),
        ("car = car, car", r"labels\['car'\] contains \['car'\] more than once"),
        ("x\na: b, x\nb: c\nc: a", "contains a cycle, a > b > c > a"),
        ("a: a", "contains a cycle, a > a"),
        ("dog\npet: dog\npet | dog", "'dog' is in both"),
        ("kitchen\nin: kitchen\nout: kitchen\nin | out", "'kitchen' is in both"),
    ],
)
def test_invalid_text(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        Vocabulary.from_text(text)
    (tmp_path / "labels.txt").write_text(text)
    with pytest.raises(ValueError, match=f"labels.txt': .*{message}"):
        Vocabulary.load(tmp_path / "labels.txt")


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"labels": {}}, ValueError, "labels is empty"),
        ({"labels": {"car": "automobile"}}, TypeError, r"labels\['car'\] is the single str"),
        ({"labels": {"car": ["car", " "]}}, ValueError, r"labels\['car'\]\[1\] is ' '"),
        ({"labels": {"car": []}}, ValueError, r"labels\['car'\] is empty"),
        ({"labels": {3: ["car"]}}, ValueError, r"labels\[0\] is 3"),
        ({"labels": ["a"], "groups": {"b": "a"}}, TypeError, r"groups\['b'\] is the single str"),
        ({"labels": ["a"], "groups": {"b": []}}, ValueError, r"groups\['b'\] is empty"),
        ({"labels": ["a"], "exclusive": "ab"}, TypeError, "give lists of labels"),
        ({"labels": ["a"], "exclusive": ["a"]}, TypeError, r"exclusive\[0\] is the single str"),
        ({"labels": ["a"], "exclusive": [["a"]]}, ValueError, "two labels or more"),
        ({"labels": {"a": ["b"]}, "groups": {"b": ["a"]}}, ValueError, "'b' is a name of 'a'"),
    ],
)
def test_bad_parameters(params, error, message):
    with pytest.raises(error, match=message):
        Vocabulary(**params)


def test_names_that_cannot_be_written(tmp_path):
    (tmp_path / "labels.txt").write_bytes(b"caf\xe9")
    with pytest.raises(ValueError, match=r"not UTF-8 text.*save it as UTF-8"):
        Vocabulary.load(tmp_path / "labels.txt")
    for name in ("salt, pepper", "a=b", "3:30", "a|b", "#1", "no #1", "two\nlines"):
        with pytest.raises(ValueError, match="cannot be written"):
            Vocabulary([name]).to_text()
    assert Vocabulary.from_text(Vocabulary(["C#"]).to_text()) == Vocabulary(["C#"])


@st.composite
def worlds(draw):
    """A vocabulary, scores with many ties for its labels (and another one), and their cuts."""
    n = draw(st.integers(2, 7))
    labels = [f"label {k}" for k in range(n)]
    groups = {}
    for g in range(draw(st.integers(0, 4))):  # of labels or earlier groups: no cycles
        pool = [*labels, *groups]
        members = st.lists(st.sampled_from(pool), min_size=1, max_size=4, unique=True)
        groups[f"group {g}"] = draw(members)
    plain = Vocabulary(labels, groups=groups)
    exclusive = []
    for _ in range(draw(st.integers(0, 3))):
        own = draw(st.lists(st.sampled_from(list(plain)), min_size=2, max_size=3, unique=True))
        closed = [plain.below(label) | {label} for label in own]
        if sum(map(len, closed)) == len(frozenset().union(*closed)):
            exclusive.append(own)
    vocabulary = Vocabulary(labels, groups=groups, exclusive=exclusive)
    columns = draw(st.permutations([*vocabulary, "stranger"]))
    columns = columns[: draw(st.integers(1, len(columns)))]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = rng.integers(0, 6, (8, len(columns))) / 5
    return vocabulary, columns, scores, rng.integers(1, 5, len(columns)) / 5


@given(worlds())
def test_groups_and_exclusion(world):
    vocabulary, columns, scores, cuts = world
    place = {label: k for k, label in enumerate(columns)}
    high = with_groups(scores, vocabulary, columns)
    assert (high >= scores).all()
    for label, k in place.items():
        own = [k, *(place[m] for m in vocabulary.below(label) if m in place)]
        np.testing.assert_array_equal(high[:, k], scores[:, own].max(axis=1))
    held = first_of_exclusive(high - cuts, vocabulary, columns)
    named = with_groups(held, vocabulary, columns) > 0
    for label, k in place.items():
        for member in vocabulary.below(label) & set(place):
            assert (named[:, k] >= named[:, place[member]]).all()
    assert not (named & ~(with_groups(high - cuts, vocabulary, columns) > 0)).any()
    for rivals in vocabulary.exclusive:
        own = [place[label] for label in rivals if label in place]
        assert (named[:, own].sum(axis=1) <= 1).all()
    lone = [label for label in vocabulary.exclusive[:1] for label in label]
    if len(vocabulary.exclusive) == 1 and not vocabulary.groups and set(lone) <= set(place):
        own = [place[label] for label in lone]
        best = (high - cuts)[:, own].argmax(axis=1)
        rows = np.arange(len(high))
        expected = (high - cuts)[:, own][rows, best] > 0
        np.testing.assert_array_equal(named[:, own][rows, best], expected)


def test_unknown_labels_of_groups():
    vocabulary = Vocabulary(["dog", "cat"], groups={"pet": ["dog", "cat"]})
    Y = [[1, -1, -1], [0, 0, -1], [0, 1, 0], [-1, 0, 0]]
    found = with_group_labels(np.array(Y), vocabulary, list(vocabulary))
    assert found.tolist() == [[1, -1, 1], [0, 0, -1], [0, 1, 1], [-1, 0, 0]]
