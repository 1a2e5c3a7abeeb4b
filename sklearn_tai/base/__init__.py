"""Shared by the multi-label classifiers of this package."""

from .._public import settle
from ._encoder import EncoderClassifierMixin, pool_regions
from ._multi_label import MultiLabelClassifierMixin
from ._version import check_version

__all__ = ["EncoderClassifierMixin", "MultiLabelClassifierMixin", "check_version", "pool_regions"]

settle(globals())
