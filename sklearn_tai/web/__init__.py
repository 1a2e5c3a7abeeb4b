"""A web page to try the package: labels and images in, scores out."""

from ._app import make_app
from ._serve import launch

__all__ = ["launch", "make_app"]
