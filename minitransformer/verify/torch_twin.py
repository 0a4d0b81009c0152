"""PyTorch for comparison: whether it is installed, and our language model built from its layers with the same weights."""

from __future__ import annotations

import importlib.util

from minitransformer.models.language_model import LanguageModel
from minitransformer.nn.module import to_torch


def has_torch() -> bool:
    """Whether PyTorch is installed. This does not import it.

    Returns:
        True or False.
    """
    return importlib.util.find_spec("torch") is not None


def torch_twin(model: LanguageModel, activation=None):
    """Build `model` in PyTorch, on the CPU, with the same names and copies of the same weights.

    Args:
        model: Ours.
        activation: PyTorch's activation function, if the configuration of `model` holds one of ours instead of a name.

    Returns:
        A torch.nn.Module: ids (B, T) -> logits (B, T, V).

    Raises:
        ImportError: PyTorch is not installed.
    """
    import torch

    c = model.config

    class Twin(torch.nn.Module):
        """ids (B, T) -> logits (B, T, V)."""

        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(c.vocab_size, c.d_model)
            self.positions = torch.nn.Module()
            self.positions.register_buffer("pe", torch.zeros(1, c.max_len, c.d_model))
            sizes = (c.d_model, c.nhead, c.dim_feedforward, c.dropout, activation or c.activation)
            layer = torch.nn.TransformerEncoderLayer(*sizes, batch_first=True, norm_first=c.norm_first)
            norm = torch.nn.LayerNorm(c.d_model) if c.norm_first else None
            self.encoder = torch.nn.TransformerEncoder(layer, c.num_layers, norm, enable_nested_tensor=False)
            self.head = torch.nn.Linear(c.d_model, c.vocab_size)

        def forward(self, ids):
            length = ids.shape[1]
            mask = torch.nn.Transformer.generate_square_subsequent_mask(
                length, ids.device, self.head.weight.dtype
            )
            positions = self.get_buffer("positions.pe")[:, :length]  # (1, T, C)
            x = self.embedding(ids) * c.d_model**0.5 + positions  # (B, T, C)
            return self.head(self.encoder(x, mask, is_causal=True))  # (B, T, V)

    twin = Twin()
    twin.load_state_dict(to_torch(model.state_dict()))
    return twin
