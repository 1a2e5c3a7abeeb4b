"""All that this package uses of scikit-learn's private modules."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._optional_dependencies import check_matplotlib_support
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    Options,
    StrOptions,
    validate_params,
)
from sklearn.utils.validation import _estimator_has as estimator_has
from sklearn.utils.validation import _num_samples as num_samples

__all__ = [
    "HasMethods",
    "Interval",
    "Options",
    "StrOptions",
    "check_matplotlib_support",
    "estimator_has",
    "fit_context",
    "num_samples",
    "safe_indexing",
    "validate_params",
]


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[..., Any]:
    """scikit-learn's decorator; a fit that fails or is interrupted also changes nothing."""
    validated = _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)

    def decorate(fit: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(fit)
        def fit_or_leave(estimator: Any, *args: Any, **kwargs: Any) -> Any:
            before = dict(vars(estimator))
            try:
                return fit(estimator, *args, **kwargs)
            except BaseException:
                estimator.__dict__ = before
                raise

        return validated(fit_or_leave)

    return decorate
