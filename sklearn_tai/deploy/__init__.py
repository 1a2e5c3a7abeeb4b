"""In production: saved classifiers, folders of any size, ONNX."""

from ._bulk import find_pictures as find_pictures
from ._bulk import predict_folder
from ._export import export_onnx
from ._loading import load_classifier
from ._persistence import TRUSTED_TYPES, save_classifier

__all__ = [
    "TRUSTED_TYPES",
    "export_onnx",
    "load_classifier",
    "predict_folder",
    "save_classifier",
]
