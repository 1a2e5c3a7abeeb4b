"""Turn a language model's replies into captions, and find the labels they name."""

from __future__ import annotations

import re
from functools import lru_cache

from .._typing import LabelNames
from ..inputs import as_vocabulary
from ._grammar import noun, singular

# the opening tag may be in the prompt, and the closing tag cut off
_THINKING = re.compile(r"\A.*</think(?:ing)?>|<think(?:ing)?>.*\Z", re.DOTALL | re.IGNORECASE)
# characters that control a terminal (whole sequences first), surrogates, and text direction marks
_COMMANDS = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -~]?)|\x9b[0-?]*[ -/]*[@-~]"
    "|[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]"
)
_MAX_CHARACTERS = 20_000
_NOUN = "(?:caption|description|sentence|title|answer|output|version|option|alternative|example)"
_POLITE = re.compile(
    r"^(?:sure|certainly|of course|absolutely|okay|ok|great|yes)(?: thing| thanks)?[!,.:]\s*", re.I
)
_PREAMBLE = re.compile(
    rf"^(?:here(?:'s|’s| is| are)|this is|below is)\b[^\n:]{{0,60}}\b{_NOUN}s?\b[^\n:]{{0,99}}"
    r":\s*"
    r"|^here(?:'s|’s| is| are)(?: it| one| you go)?:\s*"
    r"|^(?:[*_#\s]*)(?:(?:image|photo|picture|brief|short|new|another|possible|revised|different)"
    rf"\s+)*{_NOUN}\s*(?:#?\d+)?[*_\s]*[:\-–]\s*",
    re.IGNORECASE,
)
_NUMBERING = re.compile(r"^(?:\d{1,2}[.)]|[-*•])\s+")
_HASHTAGS = re.compile(r"(?:\s*#\w+)+\s*$")
_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am|’m) (?:sorry|unable|not able)|i (?:can(?:'t|not|’t)|could not|do not|don't) "
    r"(?:assist|help|see|provide|create|generate|view|access|have|fulfill|caption)"
    r"|as an ai|(?:as a|i'm a|i am a) (?:large )?language model|unable to (?:assist|provide|see)"
    r"|(?:please|could you) (?:provide|share|upload|clarify)|can i (?:help|assist))\b",
    re.IGNORECASE,
)
_QUOTES = ('""', "''", "“”", "‘’", "«»", "``")
_MARKS = "*_ \t\n"


def _unquote(text: str) -> str:
    """Strip quotes and emphasis from the ends, but keep quotations inside."""
    text = text.strip(_MARKS)
    for pair in _QUOTES:
        opening, closing = pair[0], pair[1]
        n = text.count(opening) + (text.count(closing) if closing != opening else 0)
        if text.startswith(opening) and text.endswith(closing) and n == 2:
            text = text[1:-1]
        elif n == 1:  # the other quote was cut off
            text = text.removeprefix(opening).removesuffix(closing)
    return text.strip(_MARKS)


def clean_caption(reply: str) -> str:
    """The caption alone: no thinking, preamble, quotes, numbering, markup, hashtags
    or control characters."""
    text = _THINKING.sub("", reply)[:_MAX_CHARACTERS]
    text = _COMMANDS.sub("", text).replace("```", "").strip()
    before = None
    while before != text:  # "Sure! Here is a caption: Caption: ..."
        before = text
        for pattern in (_POLITE, _PREAMBLE, _NUMBERING):
            text = pattern.sub("", text.lstrip(_MARKS), count=1).lstrip()
    text = re.split(r"\n\s*\n|\n\s*(?:\d{1,2}[.)]|[-*•])\s", text, maxsplit=1)[0]
    text = _unquote(_HASHTAGS.sub("", " ".join(text.split())))
    return text if re.search(r"\w", text) else ""


def is_refusal(text: str) -> bool:
    """Whether a model refuses, or asks back, instead of writing a caption."""
    return bool(_REFUSAL.search(text))


@lru_cache(maxsize=100_000)
def _pattern(name: str) -> re.Pattern[str]:
    forms = {name, noun(name).plural, f"{name}s", singular(name)}  # "people", "persons"
    bodies = ("[\\s-]+".join(map(re.escape, form.split())) for form in sorted(forms, key=len))
    return re.compile(rf"\b(?:{'|'.join(reversed(list(bodies)))})\b", re.IGNORECASE)


def named_labels(text: str, labels: LabelNames) -> list[int]:
    """The labels that a text names, in singular or plural; members also name their groups.

    Longer names are found first and use up their words: "a hot dog" does not name "dog".
    """
    vocabulary, found = as_vocabulary(labels), set()
    names = [(name, label) for label, own in vocabulary.items() for name in own]
    for name, label in sorted(names, key=lambda pair: -len(pair[0])):
        text, n = _pattern(name).subn("\0", text)
        if n:
            found.add(label)
    found |= {group for group in vocabulary.groups if found & vocabulary.below(group)}
    return [k for k, label in enumerate(vocabulary) if label in found]
