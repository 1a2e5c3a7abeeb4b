"""``python -m sklearn_tai.web``, the same as ``sklearn-tai web``."""

from __future__ import annotations

from ..cli import main

if __name__ == "__main__":
    main(["web"])
