import subprocess
import sys

import pytest

import sklearn_tai


def test_import_is_lazy():
    code = "import sys, sklearn_tai; print(any(m in sys.modules for m in ('torch', 'sklearn')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", sklearn_tai.__all__)
def test_public_names(name):
    assert getattr(sklearn_tai, name).__name__ == name
    assert name in dir(sklearn_tai)


def test_unknown_name():
    with pytest.raises(AttributeError, match="attribute Nothing"):
        _ = sklearn_tai.Nothing
