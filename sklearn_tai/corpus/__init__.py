"""Generators of training texts whose labels are known."""

from ._prompt import PromptCorpusGenerator
from ._templates import TEMPLATES

__all__ = ["TEMPLATES", "PromptCorpusGenerator"]
