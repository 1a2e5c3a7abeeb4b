"""In production: saved classifiers, folders of any size, keywords, ONNX."""

from ._bulk import find_pictures as find_pictures
from ._bulk import predict_folder
from ._export import export_onnx
from ._keywords import remove_keywords, write_keywords
from ._persistence import TRUSTED_TYPES, load_classifier, save_classifier

__all__ = [
    "TRUSTED_TYPES",
    "export_onnx",
    "load_classifier",
    "predict_folder",
    "remove_keywords",
    "save_classifier",
    "write_keywords",
]
