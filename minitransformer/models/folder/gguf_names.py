"""What a GGUF file calls a Llama's arrays, and in which order it has their rows.

The rows of the query and key matrices are in another order: neighbouring channels rotate together. `halves` restores the
published order, in which channel i rotates with channel i + d/2.
"""

from __future__ import annotations

from types import ModuleType

import numpy

from minitransformer.installing import install_line

TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def published_name(name: str) -> str:
    """The published name of an array: `blk.3.attn_q.weight` -> `model.layers.3.self_attn.q_proj.weight`.

    Args:
        name: the name in the GGUF file.

    Returns:
        The published name; an unknown name is returned unchanged.
    """
    *block, part, kind = ["", "", *name.split(".")][-4:]
    if block[0] == "blk" and part in LAYER:
        return f"model.layers.{block[1]}.{LAYER[part]}.{kind}"
    return f"{TOP[part]}.{kind}" if part in TOP and not any(block) else name


def halves(weight: numpy.ndarray, heads: int) -> numpy.ndarray:
    """Reorder the rows of each head, from neighbours that rotate together to halves that do: 0 1 2 3 .. -> 0 2 .. 1 3 ...

    Args:
        weight: (H d, C).
        heads: H.

    Returns:
        (H d, C).
    """
    rows, columns = weight.shape
    pairs = weight.reshape(heads, rows // heads // 2, 2, columns)  # (H, d/2, 2, C)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def gguf() -> ModuleType:
    """The package `gguf`.

    Returns:
        The module.

    Raises:
        ImportError: if it is not installed; the message says how to install it.
    """
    try:
        import gguf
    except ImportError as error:
        raise ImportError(
            f"the gguf package reads this model's weights: {install_line('[models]')}"
        ) from error
    return gguf
