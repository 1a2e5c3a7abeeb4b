"""Describe a scene in varied words: the objects, how many, where, and the background."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scenes import Placed
from vocabulary import Entry

_NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
_FORMS = [
    "a photo of {}", "a picture of {}", "an image of {}", "a photo containing {}", "{}",
    "there {be} {} in the photo", "there {be} {} in the picture", "there {be} {}",
    "this picture shows {}", "the image shows {}", "a scene with {}", "a snapshot of {}",
    "we can see {} here", "you can see {}", "{} in a photo", "a drawing of {}",
    "an illustration of {}", "i see {}", "look at {}", "here {be} {}", "{} together",
    "a view of {}", "an image that contains {}", "a photograph showing {}", "a photo with {}",
    "a caption about {}", "a close up of {}", "{} can be seen", "in this image there {be} {}",
    "someone took a photo of {}", "a beautiful shot of {}", "a colorful scene featuring {}",
]  # fmt: skip
_ACTS = {
    "person": ["standing", "walking", "looking around", "smiling", "waiting"],
    "animal": ["standing", "resting", "looking around", "playing", "sitting"],
    "vehicle": ["parked", "moving", "on its way", "standing still", "passing by"],
}
_PLACES = {
    "horizon": ["on the ground", "outdoors", "under the sky", "on the horizon"],
    "stripes": ["on a striped background", "against stripes"],
    "checks": ["on a checked background", "against a checkered wall"],
    "blobs": ["on a spotted background"],
    "noise": ["on a rough surface", "on a textured background"],
}
_ADJECTIVES = ["nice", "lovely", "single", "small", "big", "bright", "little", "cute", "modern"]


def article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def join(rng, parts: list[str]) -> str:
    """Join phrases in the various ways people write lists."""
    if len(parts) == 1:
        return parts[0]
    how = rng.random()
    if how < 0.6:
        return ", ".join(parts[:-1]) + " and " + parts[-1]
    if how < 0.75:
        return ", ".join(parts)
    if how < 0.9:
        return parts[0] + " with " + " and ".join(parts[1:])
    return " and ".join(parts)


def _noun(rng, entry: Entry) -> tuple[str, str]:
    weights = np.array([3.0] + [1.0] * (len(entry.words) - 1))
    return entry.words[rng.choice(len(weights), p=weights / weights.sum())]


def _phrase(rng, entry: Entry, count: int, size: float, scene_size: int) -> str:
    singular, plural = _noun(rng, entry)
    if count > 1:
        words = [_NUMBERS[count], _NUMBERS[count], "some", "several", ""]
        return f"{words[rng.integers(len(words))]} {plural}".strip()
    noun = singular
    draw = rng.random()
    if draw < 0.03:
        noun = f"{'big' if size > 0.4 * scene_size else 'small'} {noun}"
    elif draw < 0.06:
        noun = f"{_ADJECTIVES[rng.integers(len(_ADJECTIVES))]} {noun}"
    draw = rng.random()
    phrase = article(noun) if draw < 0.75 else f"the {noun}" if draw < 0.85 else noun
    if entry.kind in _ACTS and rng.random() < 0.06:
        acts = _ACTS[entry.kind]
        phrase = f"{phrase} {acts[rng.integers(len(acts))]}"
    return phrase


def _relation(rng, a: Placed, b: Placed) -> str:
    dx, dy = b.x - a.x, b.y - a.y
    if rng.random() < 0.3:
        return ["next to", "beside", "near", "close to"][rng.integers(4)]
    if abs(dx) > abs(dy):
        return "to the left of" if dx > 0 else "to the right of"
    return ["above", "over"][rng.integers(2)] if dy > 0 else ["below", "under"][rng.integers(2)]


def caption(
    rng: np.random.Generator,
    placed: list[Placed],
    vocabulary: list[Entry],
    colour: str,
    layout: str,
    scene_size: int,
) -> str:
    """One caption; like a person, it sometimes leaves out an object."""
    counts = Counter(p.entry for p in placed)
    where = {p.entry: p for p in placed}
    order = [int(i) for i in rng.permutation(list(counts))]
    while len(order) > 1 and rng.random() < 0.06:
        order.pop()
    phrases = [_phrase(rng, vocabulary[i], counts[i], where[i].size, scene_size) for i in order]
    if len(order) >= 2 and rng.random() < 0.25:
        relation = _relation(rng, where[order[0]], where[order[1]])
        phrases = [f"{phrases[0]} {relation} {phrases[1]}", *phrases[2:]]
    text = _FORMS[rng.integers(len(_FORMS))].replace("{}", join(rng, phrases))
    many = len(order) > 1 or counts[order[0]] > 1
    text = text.replace("{be}", "are" if many else "is")
    draw = rng.random()
    if draw < 0.03:
        text += f" on a {colour} background"
    elif draw < 0.06 and layout in _PLACES:
        places = _PLACES[layout]
        text += f" {places[rng.integers(len(places))]}"
    return text + ("." if rng.random() < 0.6 else "")
