"""SmolLM2, ours and that of transformers with the same weights: writing token by token, reading a text at once; and alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import numpy

import minitransformer
from minitransformer.autograd import no_grad
from minitransformer.cli.bench_memory import resident
from minitransformer.defaults import default_device
from minitransformer.explain import lrp
from minitransformer.generation import generate
from minitransformer.models import published
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.ops.creation import randint, tensor

PROMPT, NEW_TOKENS, LENGTH, EXPLAINED = "The capital of France is", 24, 256, 64
OURS_ALONE = ("interleaved",)  # settings that transformers does not know


def reference(model: Llama):
    """The same model in transformers."""
    import transformers

    sizes = {name: value for name, value in asdict(model.config).items() if name not in OURS_ALONE}
    theirs = transformers.LlamaForCausalLM(transformers.LlamaConfig(**sizes)).eval()
    theirs.load_state_dict(minitransformer.to_torch(model.state_dict()))
    return theirs.to(str(default_device()))


def writing(model: Llama, theirs, ids: list[int]) -> tuple[Callable[[], object], Callable[[], object]]:
    """So many greedy tokens after `ids`, with a cache on both sides."""
    import torch

    def reference_writes() -> None:
        past, unread = None, torch.tensor([ids], device=theirs.device)
        with torch.no_grad():
            for _ in range(NEW_TOKENS):
                told = theirs(unread, past_key_values=past, use_cache=True)
                past, unread = told.past_key_values, told.logits[:, -1:].argmax(-1)

    return lambda: generate(model, ids, NEW_TOKENS, temperature=0), reference_writes


def reading(model: Llama, theirs) -> tuple[Callable[[], object], Callable[[], object]]:
    """The logits of every token of a text of random ones."""
    import torch

    ids = _text(model, LENGTH)

    def reference_reads() -> None:
        with torch.no_grad():
            # waits for a device to be done
            theirs(torch.tensor(ids, device=theirs.device)).logits[0, -1, 0].item()

    return partial(_read, model, ids), reference_reads


def explaining(model: Llama) -> tuple[Callable[[], object], Callable[[], object]]:
    """The relevance of each token of a text for the next one, and the logits of that text."""
    ids = _text(model, EXPLAINED)
    return partial(lrp, model, ids), partial(_read, model, ids)


def _text(model: Llama, length: int) -> numpy.ndarray:
    """Random tokens (1, T)."""
    return randint(0, model.config.vocab_size, (1, length)).numpy()


@no_grad()
def _read(model: Llama, ids: numpy.ndarray) -> None:
    model(tensor(ids))[0, -1, 0].item()  # waits for a device to be done


def first_token() -> float:
    """Seconds from the files in the cache to the first token."""
    start = time.perf_counter()
    model, tokenizer = published.load("smollm2")
    generate(model, tokenizer.encode(PROMPT), 1, temperature=0)
    return time.perf_counter() - start


def memory_of_writing() -> tuple[int, int]:
    """Bytes at the peak of writing beyond what the process had before, and the bytes of weights and cache, which it needs."""
    before, _ = resident()
    model, tokenizer = published.load("smollm2")
    ids = tokenizer.encode(PROMPT)
    generate(model, ids, NEW_TOKENS, temperature=0)
    return resident()[1] - before, needed(
        model.config, sum(p.array.nbytes for p in model.parameters()), len(ids) + NEW_TOKENS
    )


def needed(config: LlamaConfig, weights: int, tokens: int) -> int:
    """The bytes of the weights, and of the keys and values of so many tokens in float32."""
    return weights + 2 * 4 * tokens * config.num_hidden_layers * config.num_key_value_heads * config.head_dim


if __name__ == "__main__":
    print(*memory_of_writing())
