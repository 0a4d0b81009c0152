"""Why an encoder-decoder wrote a word: the relevance of what it read, and of what it had written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from minitransformer.autograd import Tensor, enable_grad
from minitransformer.explain.composite import Composite
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.layers import Layers
from minitransformer.explain.propagation import account
from minitransformer.explain.targets import explained
from minitransformer.nn.hooks import edit_embeddings
from minitransformer.ops.creation import tensor


def lrp_answer(
    model,
    source: Sequence[int],
    answer: Sequence[int],
    target: int | None = None,
    rule: str | Composite = "attnlrp",
    form: str = "gradient",
    eps: float = 1e-6,
    tokens: Sequence[str] | None = None,
) -> Explanation:
    """Explain the logit of the token after `answer` that `model(source, answer)` gives, by each token of both.

    `source` (S,) and `answer` (T,) are ids, the answer begun as the model begins it; `target` None takes the largest logit.
    `tokens` are S + T strings to show. The relevance is (S + T,), source first. Other arguments, and what is raised, as
    `explain.lrp`.
    """
    device = next(model.parameters()).device
    sides = [numpy.asarray(source), numpy.asarray(answer)]
    ids = [tensor(side[None], device=device) for side in sides]  # (1, S), (1, T)
    read: dict[int, Tensor] = {}  # which side, and the vectors looked up for it
    with enable_grad(), Layers(model) as layers, explained(model, layers.modules.values()):
        with edit_embeddings(lambda table, looked_up, vectors: _keep(read, ids, looked_up, vectors)):
            logits = model(*ids)[0, -1]  # (V,)
        chosen = int(logits.array.argmax()) if target is None else target
        output = logits[chosen]
    parts, ledger = account(output, [read[0], read[1]], rule, form, eps, layers)
    relevance = numpy.concatenate([part[0].sum(-1) for part in parts])  # (S + T,)
    return Explanation(
        "LRP of an answer", numpy.concatenate(sides), relevance, [chosen], output.item(), tokens, ledger
    )


def _keep(read: dict[int, Tensor], ids: list[Tensor], looked_up: Tensor, vectors: Tensor) -> Tensor:
    """The vectors as they are, kept if they are those of one side's ids."""
    for side, those in enumerate(ids):
        if looked_up is those:
            read[side] = vectors
    return vectors
