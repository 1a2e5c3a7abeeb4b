"""Train a multi-label image classifier from words alone.

The public names load on first use, so that importing the package is fast; they are listed in
``__init__.pyi``, for this file and for type checkers alike.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
