"""SmolLM2, ours and that of transformers with the same weights: writing token by token, reading, explanation, and memory."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial

import numpy

import minitransformer
from minitransformer.autograd import no_grad
from minitransformer.bench.pairs import REST, in_turn, ratio_of
from minitransformer.bench.row import Row, held_to
from minitransformer.bench.works import growth, resident
from minitransformer.defaults import default_device
from minitransformer.explain import lrp
from minitransformer.generation import generate
from minitransformer.models import published
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.ops.creation.from_data import tensor
from minitransformer.ops.creation.random import randint
from minitransformer.tokenization import Tokenizer

PROMPT = "The capital of France is"
FIRST_TOKENS = 3  # measurements of the time to the first token
NEW_TOKENS, LENGTH, EXPLAINED = 24, 256, 64  # tokens that are written, read, explained
OURS_ALONE = ("interleaved",)  # settings that transformers does not know

Calls = tuple[Callable[[], object], Callable[[], object]]


def smollm2(pairs: int) -> Iterator[Row]:
    """A published model: its first token, writing, reading, explanation, and the memory of writing.

    Args:
        pairs: Measurements of each side; fewer are made.

    Yields:
        A row for each comparison.
    """
    started = ratio_of([first_token() for _ in range(FIRST_TOKENS)], [2.0] * FIRST_TOKENS)
    yield held_to("SmolLM2's first token, from the cache", "two seconds", started, 1.0)
    model, tokenizer = _load()
    theirs = reference(model)
    few = max(pairs // 2, 3)
    written = in_turn(*writing(model, theirs, tokenizer.encode(PROMPT)), few, REST)
    yield held_to(f"SmolLM2 writes {NEW_TOKENS} tokens", "transformers", written, 1.0)
    read = in_turn(*reading(model, theirs), few, REST)
    yield held_to(f"SmolLM2 reads {LENGTH} tokens", "transformers", read, 1.3)
    explained = in_turn(*explaining(model), few)
    yield held_to(f"LRP of SmolLM2's next token, {EXPLAINED} tokens", "one forward", explained, 3.0)
    if default_device().type == "cpu" and resident() is not None:
        yield _memory()


def _load() -> tuple[Llama, Tokenizer]:
    model, tokenizer = published.load("smollm2")
    assert isinstance(model, Llama)
    return model, tokenizer


def reference(model: Llama):
    """The same model in transformers.

    Args:
        model: Ours.

    Returns:
        A transformers.LlamaForCausalLM with the same weights, on the default device.
    """
    import transformers

    sizes = {name: value for name, value in asdict(model.config).items() if name not in OURS_ALONE}
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes)).eval()
    theirs.load_state_dict(minitransformer.to_torch(model.state_dict()))
    return theirs.to(str(default_device()))


def writing(model: Llama, theirs, ids: list[int]) -> Calls:
    """Greedy generation of `NEW_TOKENS` tokens, with a cache on both sides.

    Args:
        model: Ours.
        theirs: That of transformers.
        ids: The prompt.

    Returns:
        (ours, theirs), functions without arguments.
    """
    import torch

    def reference_writes() -> None:
        past = None
        unread = torch.tensor([ids], device=theirs.device)  # (1, T)
        with torch.no_grad():
            for _ in range(NEW_TOKENS):
                answer = theirs(unread, past_key_values=past, use_cache=True)
                past = answer.past_key_values
                unread = answer.logits[:, -1:].argmax(-1)  # (1, 1)

    return partial(generate, model, ids, NEW_TOKENS, temperature=0), reference_writes


def reading(model: Llama, theirs) -> Calls:
    """The logits of every token of a text of random tokens.

    Args:
        model: Ours.
        theirs: That of transformers.

    Returns:
        (ours, theirs), functions without arguments.
    """
    import torch

    ids = _text(model, LENGTH)

    def reference_reads() -> None:
        with torch.no_grad():
            logits = theirs(torch.tensor(ids, device=theirs.device)).logits  # (1, T, V)
            logits[0, -1, 0].item()  # waits until a device has finished

    return partial(_read, model, ids), reference_reads


def explaining(model: Llama) -> Calls:
    """The relevance of each token of a text for the next token, compared with the logits of that text.

    Args:
        model: Ours.

    Returns:
        (relevance, logits), functions without arguments.
    """
    ids = _text(model, EXPLAINED)
    return partial(lrp, model, ids), partial(_read, model, ids)


def _text(model: Llama, length: int) -> numpy.ndarray:
    """Random tokens (1, T)."""
    return randint(0, model.config.vocab_size, (1, length)).numpy()


@no_grad()
def _read(model: Llama, ids: numpy.ndarray) -> None:
    model(tensor(ids))[0, -1, 0].item()  # waits until a device has finished


def first_token() -> float:
    """The time from the files in the cache to the first token.

    Returns:
        Seconds.
    """
    start = time.perf_counter()
    model, tokenizer = _load()
    generate(model, tokenizer.encode(PROMPT), 1, temperature=0)
    return time.perf_counter() - start


def _memory() -> Row:
    """The memory of writing, compared with the size of weights and cache, measured in a new process."""
    command = [sys.executable, "-m", "minitransformer.bench.smollm2"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peak, least = (int(number) / 2**20 for number in done.stdout.split())
    ratio = ratio_of([peak], [least], unit="MiB")
    return held_to("peak memory of SmolLM2 writing", "its weights and cache", ratio, 1.2)


def memory_of_writing() -> tuple[int, int]:
    """Measure the memory of loading the model and writing.

    Returns:
        Bytes at the peak, beyond what the process had before; and bytes of weights and cache.
    """
    least = 0

    def load_and_write() -> None:
        nonlocal least
        model, tokenizer = _load()
        ids = tokenizer.encode(PROMPT)
        generate(model, ids, NEW_TOKENS, temperature=0)
        weights = sum(p.array.nbytes for p in model.parameters())
        least = needed(model.config, weights, len(ids) + NEW_TOKENS)

    return growth(load_and_write), least


def needed(config: LlamaConfig, weights: int, tokens: int) -> int:
    """The size of the weights, and of the cached keys and values in float32.

    Args:
        config: The sizes of the model.
        weights: Bytes of the weights.
        tokens: The number of cached tokens.

    Returns:
        Bytes.
    """
    return weights + 2 * 4 * tokens * config.num_hidden_layers * config.groups * config.head_size


if __name__ == "__main__":
    print(*memory_of_writing())
