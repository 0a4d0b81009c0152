"""`minitransformer translate`: an encoder-decoder model translates a sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

import typer

from minitransformer.cli.chosen import TRANSLATORS, fetched
from minitransformer.cli.generate import MaxNewTokens, kept, shown
from minitransformer.cli.opened import start_of, stops_of
from minitransformer.cli.options import Backend, Json, Seed, console, prepare, print_json, remark
from minitransformer.cli.telling import plain
from minitransformer.explain import Explanation, lrp_answer
from minitransformer.generation import Writer, beam_search, growing_text, stream
from minitransformer.nn import Module
from minitransformer.ops.creation.from_data import tensor
from minitransformer.tokenization import Tokenizer

LANGUAGES = ("English", "German", "French", "Romanian")
WARNING = (
    "flan-t5 is a small model: it makes mistakes. It was trained on English with German, French and Romanian."
)

Reader = Annotated[
    str, typer.Option("--model", metavar="NAME|FOLDER", help="The model: flan-t5, or a folder of a T5.")
]
Beams = Annotated[
    int,
    typer.Option("--beams", min=1, help="Beams of beam search; 1 is greedy, and prints each token at once."),
]
Why = Annotated[
    bool, typer.Option("--why", help="Also show, for each token written, which tokens led to it, by LRP.")
]


def translate(
    sentence: Annotated[str, typer.Argument(help="What to translate.")] = "The house is wonderful.",
    to: Annotated[str, typer.Option("--to", help="The language to translate to, in English.")] = "German",
    source: Annotated[str, typer.Option("--from", help="The language it is in.")] = "English",
    model: Reader = "flan-t5",
    max_new_tokens: MaxNewTokens = 100,
    beams: Beams = 1,
    why: Why = False,
    seed: Seed = 0,
    backend: Backend = None,
    json: Json = False,
) -> None:
    """Translate SENTENCE with flan-t5, a small model that knows German, French and Romanian a little, or a folder's T5."""
    prepare(seed, backend)
    small = model in TRANSLATORS
    _check_arguments(sentence, {"--to": to, "--from": source} if small else {})
    translator, tokenizer = _translator(model)
    _check_known(sentence, tokenizer)
    if small and not json:
        remark(WARNING)
    task = f"translate {source} to {to}: {sentence}"
    new: list[int] = []
    asked = tensor([tokenizer.encode(task)])  # (1, S)
    begin, stops = [start_of(translator)], stops_of(translator, tokenizer)
    tokens = _written(translator.answer(asked), begin, max_new_tokens, beams, stops)
    text = shown(growing_text(tokenizer, begin, kept(new, tokens)), quiet=json)
    reasons = reasons_of(translator, tokenizer, task, new) if why else []
    if json:
        why_told = [plain(reason) for reason in reasons]
        print_json({"sentence": sentence, "to": to, "translation": text, "why": why_told})
        return
    print()
    for token, reason in zip(new, reasons, strict=why):
        console.print(f"\n{tokenizer.decode([token]) or 'the end'}", style="bold")
        reason.show()


def _translator(name: str) -> tuple[Any, Tokenizer]:
    """The model and its tokenizer. Raises ValueError for a model that reads one text and writes no other."""
    translator, tokenizer = fetched(name, TRANSLATORS, "one that translates")
    if not hasattr(translator, "answer"):
        raise ValueError(
            f"model: expected an encoder-decoder, such as T5ForConditionalGeneration, got {type(translator).__name__}"
        )
    return translator, tokenizer


def _check_arguments(sentence: str, languages: dict[str, str]) -> None:
    """Raise ValueError for what flan-t5 cannot translate, before it is downloaded; a folder's model may know others."""
    if not sentence.strip():
        raise ValueError("sentence: expected at least one word")
    for option, language in languages.items():
        if language not in LANGUAGES:
            raise ValueError(f"{option}: flan-t5 knows {', '.join(LANGUAGES)}, got {language!r}")


def _check_known(sentence: str, tokenizer: Tokenizer) -> None:
    """Raise ValueError for a sentence of which the model knows no piece; say it of one that it knows in part."""
    blank = (tokenizer.unk_id, tokenizer.end_id)
    ids = tokenizer.encode(sentence)
    known = [i for i in ids if i not in blank and str(tokenizer.vocabulary[i]).strip("\u2581 ")]
    if not known:
        raise ValueError(f"sentence: expected one with a piece that the model knows, got {sentence!r}")
    if tokenizer.unk_id in ids:
        remark("the model does not know some characters of the sentence, and does not translate them")


def _written(writer: Writer, begin: list[int], most: int, beams: int, stops: list[int]) -> Iterable[int]:
    """At most `most` new tokens: the best text of beam search, or each token as soon as greedy search has found it."""
    if beams > 1:
        return beam_search(writer, begin, most, beams, stop_id=stops)[0].tokens
    return stream(writer, begin, most, temperature=0, stop_id=stops)


def reasons_of(model: Module, tokenizer: Tokenizer, task: str, answer: list[int]) -> list[Explanation]:
    """Explain each token of an answer by LRP.

    Args:
        model: an encoder-decoder, such as `T5`.
        tokenizer: the tokenizer of its ids.
        task: the text that the model read.
        answer: the tokens that it wrote.

    Returns:
        An explanation for each token: the relevance of the tokens read, and of those written before it.
    """
    begin = start_of(model)
    ids = tokenizer.encode(task)
    seen = [*tokenizer.tokens(task), "..."]
    # U+2581 stands for a space in sentencepiece
    written = [str(tokenizer.vocabulary[token]).replace("\u2581", " ") for token in answer]
    return [
        # of S + 1 + i tokens
        lrp_answer(model, ids, [begin, *answer[:i]], answer[i], tokens=[*seen, *written[:i]])
        for i in range(len(answer))
    ]
