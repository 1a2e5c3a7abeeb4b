"""English forms of label names: articles, plurals, lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import inflect

# Nouns that take no article, such as labels of the common benchmarks.
_UNCOUNTABLE = frozenset(
    """
    broccoli bread cheese clothing fire food fruit furniture fog grass ice jewelry lightning
    luggage military money rain rice sand smoke snow sports traffic vegetation water
    """.split()
)
# Nouns that take one only at the end of a longer name: "a traffic light", "a clothes iron".
_UNCOUNTABLE_ALONE = frozenset(
    """
    algae aluminium archery ash asparagus asphalt bacon badminton baking bamboo beer boxing
    brass bronze butter camping candy canvas cardboard carne carpentry celery cement cereal
    chalk champagne charcoal clay cleaning climbing clover coal coffee coleslaw concrete
    cooking copper corn cotton cream curry denim dew diving drought dust espresso fabric
    farming fencing fishing flour foam foil frost fur gardening garlic ginger glue gold
    graffiti granite granola gravel gravy gum gymnastics hail ham hiking hockey honey hummus
    hunting ink iron ivy jam jelly kale ketchup knitting lace lava lavender lawn leather
    lemonade lentils lettuce light linen lipstick macaroni magic marble margarine mayonnaise
    meditation mesh metal milk mining mist moss mud mustard nylon oatmeal oil outer paella
    paint paper perfume plastic plywood popcorn pottery prayer pyjamas risotto rope rubber rust
    salad salami salt sandpaper sashimi sauce seaweed sewing shampoo shaving sightseeing silk
    silver skating slate soap soda soil soup space spinach steak steam steel stew stone straw
    styrofoam sugar surgery sushi swimming syrup tape tea thread toast tofu toothpaste travel
    underwear velvet vinegar wallpaper war wax welding wheat whiskey wind wire wood wool work
    wrestling writing yarn yoga yogurt
    """.split()
)
# Plurals in "-is"; other names with this ending are singular ("tennis").
_PLURALS_IN_IS = ("skis", "taxis", "kiwis", "bikinis")


@dataclass(frozen=True)
class Noun:
    """The forms of one label."""

    bare: str
    with_article: str
    plural: str
    is_plural: bool


@cache
def _engine() -> inflect.engine:
    import inflect  # slow to import, and only generators need it

    return inflect.engine()


def _is_plural(name: str) -> bool:
    last = name.split()[-1].lower()
    if last.endswith(("us", "ss")) or (last.endswith("is") and last not in _PLURALS_IN_IS):
        return False
    singular = _engine().singular_noun(last)
    if not singular:
        return False
    # "scissors" and "sheep" are their own singular; of these only "scissors" counts as plural
    return last.endswith("s") if singular == last else True


@lru_cache(maxsize=100_000)
def noun(name: str) -> Noun:
    """Forms of a label name; names that are plural or uncountable stay as they are."""
    engine = _engine()
    if _is_plural(name):
        return Noun(name, name, name, True)
    if name.split()[-1].lower() in _UNCOUNTABLE or name.lower() in _UNCOUNTABLE_ALONE:
        return Noun(name, name, name, False)
    return Noun(name, engine.a(name), engine.plural_noun(name) or name, False)


@lru_cache(maxsize=100_000)
def singular(name: str) -> str:
    """The singular of a plural label name ("skis"); other names stay as they are."""
    if not _is_plural(name):
        return name
    *first, last = name.split()
    return " ".join([*first, _engine().singular_noun(last) or last])


def join_list(phrases: Sequence[str], conjunction: str = "and") -> str:
    """``"a, b and c"``."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} {conjunction} {phrases[-1]}"
