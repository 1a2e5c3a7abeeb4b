"""For production: saved classifiers, folders of any size, keywords, the hub, ONNX."""

from ._bulk import find_pictures as find_pictures
from ._bulk import predict_folder
from ._export import export_onnx
from ._keywords import remove_keywords, write_keywords
from ._loading import load_classifier
from ._persistence import TRUSTED_TYPES, save_classifier
from ._share import from_pretrained, push_to_hub

__all__ = [
    "TRUSTED_TYPES",
    "export_onnx",
    "from_pretrained",
    "load_classifier",
    "predict_folder",
    "push_to_hub",
    "remove_keywords",
    "save_classifier",
    "write_keywords",
]
