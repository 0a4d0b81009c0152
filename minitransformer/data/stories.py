"""Short stories from a small grammar: about 150 words, four plots, and in each story one coloured thing.

A plot is a row of steps, a step is a choice of sentences, and a sentence has gaps for the cast: a child, an animal, a thing, its
colour, two places. All sentences of a story speak of the same coloured thing; a model that writes such stories has to look back
at it. The more sentences name the colour, the sooner a model learns to look for it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy

GIRLS, BOYS = ("Anna", "Emma", "Lily", "Mia"), ("Ben", "Leo", "Max", "Tom")
COLOURS = ("black", "blue", "green", "red", "white", "yellow")
THINGS = ("bell", "boat", "cup", "doll", "drum", "kite", "lamp", "train")
ANIMALS = ("bear", "bird", "cat", "dog", "fox", "mouse")
PLACES = (
    "at the market",
    "behind the house",
    "by the river",
    "by the sea",
    "in the forest",
    "in the garden",
    "on the hill",
)
OPENING = (
    (
        "Once there was a {kind} named {child}.",
        "Once upon a time, a {kind} named {child} lived {home}.",
        "{child} was a {kind} who lived {home}.",
    ),
    (
        "{She} had a {colour} {thing} and loved it very much.",
        "One day {her} father gave {them} a {colour} {thing}.",
        "The best thing that {she} had was a {colour} {thing}.",
    ),
    (
        "On a sunny day, {she} took the {colour} {thing} and went to play {place}.",
        "One morning {she} played with the {colour} {thing} {place}.",
        "In the morning {she} played {place} with the {colour} {thing}.",
    ),
)
LOST = (
    (
        "In the evening the {colour} {thing} was gone, and {she} began to cry.",
        "Then {she} fell asleep, and the wind took the {colour} {thing} away.",
        "But on the way home {she} lost the {colour} {thing}.",
    ),
    (
        "{She} looked and looked, but there was no {colour} {thing}.",
        "All night {she} thought of the {colour} {thing}.",
    ),
    (
        "A {animal} came and said that it had seen a {colour} {thing} {other}.",
        "The next day, {she} asked a {animal}, and the {animal} had seen a {colour} {thing} {other}.",
    ),
    (
        "{She} ran there, and there was the {colour} {thing}!",
        "They went there together and found the {colour} {thing}.",
    ),
)
BROKEN = (
    (
        "But the {colour} {thing} fell on a stone and broke.",
        "Then a big stone fell on the {colour} {thing}, and it broke.",
    ),
    (
        "{She} was very sad and began to cry.",
        "{She} sat down and held the {colour} {thing} in {her} hands.",
    ),
    (
        "A {animal} heard {them} and wanted to help.",
        "A little {animal} came and looked at the {colour} {thing}.",
    ),
    (
        "The {animal} knew what to do, and soon the {colour} {thing} was as good as new.",
        "Together they worked all day, and in the evening the {colour} {thing} was whole again.",
    ),
)
GIVEN = (
    (
        "There {she} met a {animal} who was all alone.",
        "A {animal} sat there and was very sad.",
    ),
    (
        "{She} said that the {animal} could have the {colour} {thing} for one night.",
        "So {she} gave the {colour} {thing} to the {animal} and went home.",
    ),
    (
        "All night the {animal} played with the {colour} {thing} and was not sad.",
        "That night {she} could not sleep without the {colour} {thing}.",
    ),
    (
        "The next day, the {animal} came to the house and brought the {colour} {thing} back.",
        "In the morning the {colour} {thing} stood at the door, and the {animal} stood beside it.",
    ),
)
TAKEN = (
    (
        "A {animal} saw the {colour} {thing} and wanted it.",
        "Behind a tree sat a {animal} and looked at the {colour} {thing}.",
    ),
    (
        "When {she} looked away, the {animal} took the {colour} {thing} and ran.",
        "In the night the {animal} came and took the {colour} {thing} away.",
    ),
    (
        "{She} ran after the {animal}, and {other} {she} found it.",
        "{She} looked for the {animal} and found it {other}.",
    ),
    (
        "The {animal} was sorry and gave the {colour} {thing} back.",
        "The {animal} said that it only wanted to play, so they played with the {colour} {thing} together.",
    ),
)
ENDING = (
    (
        "From that day on, {she} and the {animal} were friends.",
        "{She} said thank you to the {animal} and gave it some bread.",
        "{She} and the {animal} laughed and played until night.",
    ),
    (
        "And the {colour} {thing} stood beside {her} bed.",
        "And {she} never let the {colour} {thing} out of {her} hands again.",
    ),
    ("The end.",),
)
PLOTS = tuple((*OPENING, *plot, *ENDING) for plot in (LOST, BROKEN, GIVEN, TAKEN))
LAST_WORD = "end"  # of every story, and in no other place
HOMES = ("by the sea", "in a big house", "in a little house", "in a town")
PRONOUNS = {
    "girl": {"she": "she", "She": "She", "her": "her", "them": "her"},
    "boy": {"she": "he", "She": "He", "her": "his", "them": "him"},
}


def story(random: numpy.random.Generator) -> str:
    """A story.

    Args:
        random: where random numbers come from.

    Returns:
        About ten sentences; the last is "The end."
    """
    filled = cast(random)
    plot = PLOTS[random.integers(len(PLOTS))]
    return " ".join(chosen(random, step).format(**filled) for step in plot)


def cast(random: numpy.random.Generator) -> dict[str, str]:
    """Who and what a story is about.

    Args:
        random: where random numbers come from.

    Returns:
        A word or several for each gap of the sentences, by name.
    """
    kind = chosen(random, ("girl", "boy"))
    place, other = random.choice(PLACES, 2, replace=False)
    return PRONOUNS[kind] | {
        "kind": kind,
        "child": chosen(random, GIRLS if kind == "girl" else BOYS),
        "home": chosen(random, HOMES),
        "colour": chosen(random, COLOURS),
        "thing": chosen(random, THINGS),
        "animal": chosen(random, ANIMALS),
        "place": str(place),
        "other": str(other),
    }


def chosen(random: numpy.random.Generator, options: Sequence[str]) -> str:
    """One of several texts, all equally likely.

    Args:
        random: where random numbers come from.
        options: the texts.

    Returns:
        One of them.
    """
    return options[int(random.integers(len(options)))]


def stories(count: int, seed: int) -> list[str]:
    """Several stories. The same arguments give the same stories.

    Args:
        count: how many.
        seed: of the random numbers.

    Returns:
        The stories.
    """
    random = numpy.random.default_rng(seed)
    return [story(random) for _ in range(count)]


def keeps_its_thing(text: str) -> bool:
    """Whether a story is about one coloured thing to its end: it names one thing, twice or more, and one colour.

    Args:
        text: a story, in capital or small letters.

    Returns:
        Whether it does.
    """
    words = re.findall("[a-z]+", text.lower())
    things, colours = ([word for word in words if word in known] for known in (THINGS, COLOURS))
    return len(set(things)) == 1 < len(things) and len(set(colours)) == 1


def capitalised(text: str) -> str:
    """A story with capital letters where the tokenizer took them away: at the start of each sentence and of each name.

    Args:
        text: the story in small letters.

    Returns:
        The story.
    """
    text = re.sub(r"(?:^|(?<=[.!] ))[a-z]", lambda start: start[0].upper(), text)
    names = "|".join((*GIRLS, *BOYS))
    return re.sub(rf"\b(?:{names})\b", lambda name: name[0].capitalize(), text, flags=re.IGNORECASE)
