"""Hooks: three settings through which code outside a model can follow or change what its layers compute.

| setting             | read by              | value inside a `with` block           | set by                  |
|---------------------|----------------------|---------------------------------------|-------------------------|
| `forward_call`      | `Module.__call__`    | called instead of `Module.forward`    | `nn.layer_record`       |
| `attention_weights` | `MultiheadAttention` | called with each layer's weights      | `record_attention`      |
| `embedding_edit`    | `Embedding.forward`  | a function that returns other vectors | `edit_embeddings`       |

Each is None outside such a block. They are context variables: a value set in one thread, or in one asynchronous task, is not
seen by the others. The value from before comes back however the block ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from minitransformer.autograd import Tensor
from minitransformer.settings import setting

ForwardCall = Callable[
    [Any, tuple[Any, ...], dict[str, Any]], Any
]  # (module, positional, named arguments) -> output
EmbeddingEdit = Callable[
    [Any, Tensor, Tensor], Tensor
]  # (embedding, ids (..), vectors (.., C)) -> vectors (.., C)

forward_call: ContextVar[ForwardCall | None] = ContextVar("forward call", default=None)
attention_weights: ContextVar[Callable[[Tensor], None] | None] = ContextVar("attention weights", default=None)
embedding_edit: ContextVar[EmbeddingEdit | None] = ContextVar("embedding edit", default=None)


@contextlib.contextmanager
def record_attention(detach: bool = True) -> Iterator[list[Tensor]]:
    """Record the attention weights of every `MultiheadAttention` that runs inside this `with` block.

    Args:
        detach: False leaves the weights on the tape, so that gradients with respect to them can be computed.

    Returns:
        A context manager whose value is a list. Each layer appends its weights (B, H, T, S), in the order of the calls.
    """
    weights: list[Tensor] = []
    with setting(attention_weights, lambda made: weights.append(made.detach() if detach else made)):
        yield weights


def edit_embeddings(edit: EmbeddingEdit) -> setting:
    """Replace the vectors of every `Embedding` that runs inside this `with` block.

    Args:
        edit: called with the embedding, the ids (..) and their vectors (.., C); returns the vectors to use, of the same shape.

    Returns:
        A context manager.
    """
    return setting(embedding_edit, edit)
