"""Estimators saved by another version of this package."""

from __future__ import annotations

import warnings

from sklearn.exceptions import InconsistentVersionWarning

from .. import __version__


class _OtherVersionWarning(InconsistentVersionWarning):
    """scikit-learn's warning, but naming this package."""

    def __str__(self) -> str:
        return (
            f"{self.estimator_name} was saved by version {self.original_sklearn_version} of "
            f"sklearn-tai and is loaded by version {self.current_sklearn_version}. It may behave "
            "differently or not work at all; fit it again to be safe."
        )


def check_version(name: str, version: str) -> None:
    """Warn, like scikit-learn, about an estimator saved by another version."""
    if version != __version__:
        warnings.warn(
            _OtherVersionWarning(
                estimator_name=name,
                current_sklearn_version=__version__,
                original_sklearn_version=version,
            ),
            stacklevel=3,
        )
