"""Generators of labelled training texts."""

from .._public import settle
from ..inputs import LabelIndicator, Vocabulary
from ._background import background_names
from ._conversation import INSTRUCTIONS
from ._corpus import Corpus, concatenate_corpora
from ._grammar import noun as noun
from ._ollama import OllamaCorpusGenerator
from ._openai import OpenAICorpusGenerator
from ._prompt import PromptCorpusGenerator, background_texts
from ._prompt import check_slots as check_slots
from ._templates import TEMPLATES

__all__ = [
    "INSTRUCTIONS",
    "TEMPLATES",
    "Corpus",
    "LabelIndicator",
    "OllamaCorpusGenerator",
    "OpenAICorpusGenerator",
    "PromptCorpusGenerator",
    "Vocabulary",
    "background_names",
    "background_texts",
    "concatenate_corpora",
]

settle(globals())
