"""The section of the stories: what the model tells at several steps, and how it remembers what a story is about."""

from __future__ import annotations

from minitransformer.pictures import Reader, samples
from minitransformer.pictures.tokens import visible
from minitransformer.plain import escaped
from minitransformer.tour.page.pieces import curve, maps, named, named_step
from minitransformer.tour.result import place
from minitransformer.tour.stories import THING, StoriesResult

HINT = "Point at a word, tap it, or move with Tab and the arrow keys: you see what each head looks at from there."


def stories_section(stories: StoriesResult) -> str:
    """The teller of stories.

    Args:
        stories: its result.

    Returns:
        HTML.
    """
    told = {
        named_step(step): f'<p class="said">{escaped(text)}</p>' for step, text in stories.written.items()
    }
    return (
        "<section><h2>3. Telling stories</h2>"
        f"<p>A language model of {stories.parameters:,} parameters has learned from short stories of {stories.vocabulary:,} "
        "different words, one word after the other. These are its own stories, from the same random numbers:</p>"
        + samples("step of the training", told)
        + f"<p>Of {stories.told:,} stories that it told after training, <b>{stories.kept:,}</b> stay with the one coloured thing "
        "that they are about, to their end.</p>"
        + curve(stories.learned, "blind guessing", stories.guessing)
        + _looking_back(stories)
        + "</section>"
    )


def _looking_back(stories: StoriesResult) -> str:
    back = stories.looking_back
    said = [f"'{visible(token).strip()}' is word {i}." for i, token in enumerate(stories.tokens, 1)]
    last = len(stories.tokens) - 1
    reader = Reader(stories.tokens, said, HINT, named(stories.attention), first=last)
    return (
        f"<h3>How it remembers the {escaped(THING)}</h3><p>Below, the next word should be <b>{escaped(THING)}</b> again. "
        f"The model gives it a probability of {back.next:.0%}. To choose it, {escaped(place(back.layer, back.head))} looks back at "
        f"the {escaped(THING)} of the second sentence, with {back.share:.0%} of its attention.</p>"
        + reader.to_html()
        + maps(stories.tokens, stories.attention)
    )
