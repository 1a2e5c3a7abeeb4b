"""Generators of training texts whose labels are known."""

from .._public import settle
from ..inputs import LabelIndicator
from ._conversation import INSTRUCTIONS
from ._corpus import Corpus, concatenate_corpora
from ._grammar import noun as noun
from ._ollama import OllamaCorpusGenerator
from ._openai import OpenAICorpusGenerator
from ._prompt import PromptCorpusGenerator
from ._templates import TEMPLATES

__all__ = [
    "INSTRUCTIONS",
    "TEMPLATES",
    "Corpus",
    "LabelIndicator",
    "OllamaCorpusGenerator",
    "OpenAICorpusGenerator",
    "PromptCorpusGenerator",
    "concatenate_corpora",
]

settle(globals())
