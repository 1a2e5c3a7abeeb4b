import re

import numpy as np
import pytest

from tests.bad_inputs import AREAS, DOCS, Bench, message_of

CASES = [case for cases in AREAS.values() for case in cases]


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("photos"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.given)
def test_error_names_the_remedy(case, bench):
    kind, message = message_of(case, bench)
    assert issubclass(kind, case.error), f"{kind.__name__}: {message}"
    assert re.search(case.remedy, message, re.DOTALL), message


def test_the_table():
    assert len(CASES) >= 60
    assert len({case.given for case in CASES}) == len(CASES)
    page = DOCS.read_text()
    missing = [case.given for case in CASES if f"| {case.given} | " not in page]
    assert not missing, "run python -m tests.bad_inputs"


@pytest.mark.parametrize(
    "text",
    ["собака на диване", "一只狗和一辆自行车", "كلب", "🐶🚲", "a\u0000b", "e\u0301", "\ud800"],
)
def test_texts_in_other_scripts(bench, text):
    assert np.isfinite(bench.encode(text)).all()


def test_mixed_in_any_order(bench):
    items = ["a dog", bench.photo, "a cat", bench.pixels, "a bus"]
    together = bench.encode(*items)
    np.testing.assert_allclose(together[[0, 2, 4]], bench.encode(*items[::2]), atol=1e-4)
    np.testing.assert_allclose(together[[1, 3]], bench.encode(*items[1::2]), atol=1e-4)
