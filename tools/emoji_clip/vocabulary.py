"""The objects that the bundled model knows, with their words and pictograms.

Each line of ``_TABLE`` reads ``label | words | code points | kind``. A word is
``singular/plural`` (a regular plural may be left out); the first word is the
object's usual name. Lines that share a label (``person``) are kinds of the same
object, so a scene with any of them has that label.
"""

from __future__ import annotations

from dataclasses import dataclass

_TABLE = """
person | person/people, human, pedestrian | 1f9cd 1f6b6 1f9d1 | person
person | man/men, guy, person/people | 1f468 1f9d4 1f474 | person
person | woman/women, lady/ladies, person/people | 1f469 1f475 1f471-200d-2640-fe0f | person
person | boy, kid, child/children, person/people | 1f466 | person
person | girl, kid, child/children, person/people | 1f467 | person
bicycle | bicycle, bike, cycle | 1f6b2 | vehicle
car | car, automobile, vehicle | 1f697 1f698 1f699 | vehicle
motorbike | motorbike, motorcycle, scooter | 1f3cd-fe0f 1f6f5 | vehicle
aeroplane | aeroplane, airplane, plane, jet | 2708-fe0f 1f6e9-fe0f 1f6eb | vehicle
bus | bus/buses, coach/coaches | 1f68c 1f68d 1f68e | vehicle
train | train, locomotive, railway engine | 1f686 1f682 1f685 1f687 | vehicle
truck | truck, lorry/lorries | 1f69a 1f69b | vehicle
boat | boat, ship, sailboat | 26f5 1f6a4 1f6a2 1f6a3 | vehicle
helicopter | helicopter, chopper | 1f681 | vehicle
tractor | tractor | 1f69c | vehicle
ambulance | ambulance | 1f691 | vehicle
fire engine | fire engine, fire truck | 1f692 | vehicle
rocket | rocket, spaceship | 1f680 | vehicle
traffic light | traffic light, stoplight, traffic signal | 1f6a6 1f6a5 | street
stop sign | stop sign, red octagon sign | 1f6d1 | street
bird | bird | 1f426 1f54a-fe0f 1f99c | animal
cat | cat, kitten, kitty/kitties | 1f408 1f431 | animal
dog | dog, puppy/puppies, hound | 1f415 1f436 1f429 | animal
horse | horse, pony/ponies | 1f40e 1f434 | animal
sheep | sheep/sheep, ram, lamb | 1f411 1f40f | animal
cow | cow, ox/oxen, cattle/cattle | 1f404 1f42e 1f402 | animal
elephant | elephant | 1f418 | animal
bear | bear, grizzly bear | 1f43b | animal
zebra | zebra | 1f993 | animal
giraffe | giraffe | 1f992 | animal
rabbit | rabbit, bunny/bunnies | 1f407 1f430 | animal
fox | fox/foxes | 1f98a | animal
lion | lion | 1f981 | animal
tiger | tiger | 1f405 1f42f | animal
monkey | monkey, ape | 1f412 1f435 | animal
pig | pig, hog | 1f416 1f437 | animal
chicken | chicken, rooster, hen | 1f414 1f413 | animal
duck | duck, mallard | 1f986 | animal
penguin | penguin | 1f427 | animal
fish | fish/fish | 1f41f 1f420 | animal
whale | whale | 1f433 1f40b | animal
octopus | octopus/octopuses | 1f419 | animal
turtle | turtle, tortoise | 1f422 | animal
crocodile | crocodile, alligator | 1f40a | animal
butterfly | butterfly/butterflies | 1f98b | animal
bee | bee, honeybee | 1f41d | animal
snail | snail | 1f40c | animal
backpack | backpack, rucksack, school bag | 1f392 | accessory
umbrella | umbrella, parasol | 2602-fe0f 2614 1f302 | accessory
handbag | handbag, purse | 1f45c 1f45b | accessory
tie | tie, necktie | 1f454 | accessory
suitcase | suitcase, luggage/luggage, travel bag | 1f9f3 | accessory
hat | hat, top hat, sun hat | 1f3a9 1f452 | accessory
shoe | shoe, sneaker, boot | 1f45f 1f45e 1f97e | accessory
shirt | shirt, t-shirt, top | 1f455 | accessory
dress | dress/dresses, gown | 1f457 | accessory
glasses | pair of glasses/pairs of glasses, pair of spectacles/pairs of spectacles, pair of sunglasses/pairs of sunglasses | 1f453 1f576-fe0f | accessory
crown | crown | 1f451 | accessory
frisbee | frisbee, flying disc | 1f94f | sport
skis | pair of skis/pairs of skis, ski | 1f3bf | sport
ball | ball, football, soccer ball | 26bd | sport
ball | ball, basketball | 1f3c0 | sport
ball | ball, volleyball | 1f3d0 | sport
kite | kite | 1fa81 | sport
skateboard | skateboard, board | 1f6f9 | sport
tennis racket | tennis racket, racket, tennis ball | 1f3be | sport
bottle | bottle, champagne bottle | 1f37e | kitchen
bottle | bottle, baby bottle | 1f37c | kitchen
bottle | bottle, lotion bottle | 1f9f4 | kitchen
wine glass | wine glass/wine glasses, glass of wine/glasses of wine, goblet | 1f377 | kitchen
cup | cup, mug, cup of coffee/cups of coffee | 2615 1f375 | kitchen
fork | fork and knife/forks and knives, fork, cutlery/cutlery | 1f374 | kitchen
knife | knife/knives, kitchen knife/kitchen knives | 1f52a | kitchen
spoon | spoon | 1f944 | kitchen
bowl | bowl, salad bowl, bowl of food/bowls of food | 1f963 1f957 1f35c | kitchen
banana | banana | 1f34c | food
apple | apple | 1f34e 1f34f | food
sandwich | sandwich/sandwiches | 1f96a | food
orange | orange, tangerine, mandarin | 1f34a | food
broccoli | broccoli/broccoli | 1f966 | food
carrot | carrot | 1f955 | food
hot dog | hot dog, sausage in a bun/sausages in buns | 1f32d | food
pizza | pizza, slice of pizza/slices of pizza | 1f355 | food
donut | donut, doughnut | 1f369 | food
cake | cake, birthday cake, piece of cake/pieces of cake | 1f370 1f382 | food
hamburger | hamburger, burger, cheeseburger | 1f354 | food
ice cream | ice cream, ice cream cone | 1f366 1f368 | food
strawberry | strawberry/strawberries | 1f353 | food
grapes | bunch of grapes/bunches of grapes | 1f347 | food
watermelon | watermelon, slice of watermelon/slices of watermelon | 1f349 | food
pineapple | pineapple | 1f34d | food
lemon | lemon | 1f34b | food
tomato | tomato/tomatoes | 1f345 | food
bread | bread/bread, loaf of bread/loaves of bread | 1f35e | food
cheese | cheese/cheese, piece of cheese/pieces of cheese | 1f9c0 | food
egg | egg, fried egg | 1f95a 1f373 | food
chair | chair, seat | 1fa91 | furniture
sofa | sofa, couch/couches, settee | 1f6cb-fe0f | furniture
potted plant | potted plant, houseplant, plant in a pot/plants in pots | 1fab4 | furniture
bed | bed | 1f6cf-fe0f | furniture
toilet | toilet | 1f6bd | furniture
bathtub | bathtub, bath | 1f6c1 | furniture
door | door | 1f6aa | furniture
tv monitor | tv monitor, television, tv, screen | 1f4fa 1f5a5-fe0f | electronics
laptop | laptop, notebook computer, computer | 1f4bb | electronics
mouse | computer mouse/computer mice, mouse/mice | 1f5b1-fe0f | electronics
keyboard | keyboard, computer keyboard | 2328-fe0f | electronics
cell phone | cell phone, mobile phone, smartphone, phone | 1f4f1 | electronics
camera | camera | 1f4f7 1f4f8 | electronics
book | book, novel | 1f4d5 1f4d6 1f4d7 | indoor
clock | clock, alarm clock, watch/watches | 1f570-fe0f 23f0 231a | indoor
vase | vase, urn, amphora | 1f3fa | indoor
scissors | pair of scissors/pairs of scissors | 2702-fe0f | indoor
teddy bear | teddy bear, teddy, stuffed bear | 1f9f8 | indoor
toothbrush | toothbrush/toothbrushes | 1faa5 | indoor
key | key | 1f511 1f5dd-fe0f | indoor
hammer | hammer | 1f528 | indoor
candle | candle | 1f56f-fe0f | indoor
guitar | guitar | 1f3b8 | indoor
violin | violin, fiddle | 1f3bb | indoor
trumpet | trumpet, horn | 1f3ba | indoor
drum | drum | 1f941 | indoor
gift | gift, present, wrapped box/wrapped boxes | 1f381 | indoor
balloon | balloon | 1f388 | indoor
tree | tree | 1f333 1f332 | outdoor
palm tree | palm tree, palm | 1f334 | outdoor
flower | flower, sunflower, tulip | 1f33b 1f337 1f33c | outdoor
cactus | cactus/cacti | 1f335 | outdoor
mushroom | mushroom, toadstool | 1f344 | outdoor
house | house, home, building | 1f3e0 1f3e1 | outdoor
tent | tent | 26fa | outdoor
sun | sun/suns | 2600-fe0f 1f31e | outdoor
moon | moon, crescent moon | 1f319 | outdoor
snowman | snowman/snowmen | 26c4 2603-fe0f | outdoor
robot | robot | 1f916 | outdoor
"""

# Pascal VOC's labels that exist as pictograms ("dining table" does not), and one
# of MS-COCO's instead, so that the bundled pictures have twenty.
SCENE_LABELS = [
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "dog", "horse", "motorbike", "person", "potted plant", "sheep", "sofa",
    "traffic light", "train", "tv monitor",
]  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One line of the table."""

    label: str
    words: tuple[tuple[str, str], ...]  # (singular, plural), the usual name first
    codes: tuple[str, ...]
    kind: str


def _word(spec: str) -> tuple[str, str]:
    singular, _, plural = spec.strip().partition("/")
    return singular, plural or singular + "s"


def load_vocabulary() -> list[Entry]:
    entries = []
    for line in _TABLE.strip().splitlines():
        label, words, codes, kind = (part.strip() for part in line.split("|"))
        entries.append(
            Entry(label, tuple(map(_word, words.split(","))), tuple(codes.split()), kind)
        )
    return entries
