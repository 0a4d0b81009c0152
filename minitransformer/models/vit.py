"""ViT: a Transformer encoder that reads a picture as a row of square patches, after one vector of its own for the class.

Source:
    Dosovitskiy et al., ICLR 2021, section 3.1.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from typing import Any

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models.activations import ACTIVATIONS
from minitransformer.models.folder.model import PublishedModel
from minitransformer.models.folder.names import Names
from minitransformer.models.outside import PublishedConfig
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.ops.shape.joining import cat


@dataclass(frozen=True)
class ViTConfig(PublishedConfig):
    """The sizes of a `ViT`, under their published names. The defaults are those of ViT-Base for patches of 16.

    Args:
        hidden_size: the size C of each patch's vector.
        num_hidden_layers: layers.
        num_attention_heads: attention heads in a layer; a divisor of `hidden_size`.
        intermediate_size: the size of the hidden layer in each feed-forward part.
        hidden_act: the name of the activation function, one of `activations.ACTIVATIONS`.
        layer_norm_eps: the number that each layer norm adds to the variance.
        image_size: the height and the width of a picture, in pixels.
        patch_size: the height and the width P of a patch; a divisor of `image_size`.
        num_channels: the colours of a pixel.
        dropout: the probability of dropout, in [0, 1].
        num_labels: the number of classes.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here, or sizes do not divide.
    """

    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    layer_norm_eps: float = 1e-12
    image_size: int = 224
    patch_size: int = 16
    num_channels: int = 3
    dropout: float = 0.0
    num_labels: int = 2
    model_type: InitVar[str] = "vit"
    qkv_bias: InitVar[bool] = True
    pooler_output_size: InitVar[int | None] = None
    pooler_act: InitVar[str] = "tanh"
    encoder_stride: InitVar[int] = 16  # of a head that draws pictures

    def check(self, said: dict[str, Any]) -> None:
        del said["encoder_stride"]
        self.require("hidden_act", self.hidden_act, *ACTIVATIONS)
        self.require("pooler_output_size", said.pop("pooler_output_size"), None, self.hidden_size)
        super().check(said)
        sides = {"image_size": self.image_size, "patch_size": self.patch_size}
        if not self.patch_size or self.image_size % self.patch_size:
            raise ValueError(f"ViTConfig: expected patch_size to divide image_size, got {sides}")
        if not self.num_attention_heads or self.hidden_size % self.num_attention_heads:
            raise ValueError(
                "ViTConfig: expected num_attention_heads to divide hidden_size, got "
                f"hidden_size={self.hidden_size}, num_attention_heads={self.num_attention_heads}"
            )

    @property
    def patches(self) -> int:
        """The number N of patches in a picture."""
        return (self.image_size // self.patch_size) ** 2


class Patches(nn.Module):
    """A linear layer of each patch's pixels: (B, channels, height, width) -> (B, N, C), row by row.

    A convolution whose stride is the size of its window is the same: `weight` has the form of one, (C, channels, P, P).

    Args:
        config: the sizes.
    """

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.config = config
        size = config.patch_size
        self.weight = init.parameter(config.hidden_size, config.num_channels, size, size)
        self.bias = init.parameter(config.hidden_size)
        init.normal_(self.weight, std=0.02)
        init.zeros_(self.bias)

    def forward(self, pixels: Tensor) -> Tensor:
        """The vector of each patch.

        Args:
            pixels: (B, channels, height, width).

        Returns:
            (B, N, C).

        Raises:
            ValueError: for pictures of another size: positions between those learned are not computed.
        """
        c = self.config
        if pixels.shape[1:] != (c.num_channels, c.image_size, c.image_size):
            raise ValueError(
                f"ViT: expected pixels (B, {c.num_channels}, {c.image_size}, {c.image_size}), got {pixels.shape}; "
                "resize the picture"
            )
        count, size = c.image_size // c.patch_size, c.patch_size
        cut = pixels.reshape(len(pixels), c.num_channels, count, size, count, size)
        rows = cut.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)  # (B, N, channels P P)
        return F.linear(rows, self.weight.flatten(1), self.bias)


class ViT(nn.Module):
    """pixels (B, channels, height, width) -> vectors (B, 1 + N, C): of the class, and of each patch.

    Args:
        config: the sizes.
    """

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.config = c = config
        self.patches = Patches(c)
        self.class_token = init.parameter(1, 1, c.hidden_size)
        self.positions = nn.mark_positions(init.parameter(1, 1 + c.patches, c.hidden_size))
        self.dropout = nn.Dropout(c.dropout)
        layer = nn.TransformerEncoderLayer(
            c.hidden_size, c.num_attention_heads, c.intermediate_size, c.dropout, ACTIVATIONS[c.hidden_act],
            c.layer_norm_eps, batch_first=True, norm_first=True,
        )  # fmt: skip
        norm = nn.LayerNorm(c.hidden_size, eps=c.layer_norm_eps)
        self.encoder = nn.TransformerEncoder(layer, c.num_hidden_layers, norm)
        for p in (self.class_token, self.positions):
            init.normal_(p, std=0.02)

    def forward(self, pixels: Tensor) -> Tensor:
        """The vectors after the last layer and its norm.

        Args:
            pixels: (B, channels, height, width).

        Returns:
            (B, 1 + N, C).

        Raises:
            ValueError: for pictures of another size.
        """
        patches = self.patches(pixels)  # (B, N, C)
        first = self.class_token.expand(len(patches), 1, patches.shape[-1])  # (B, 1, C)
        return self.encoder(self.dropout(cat([first, patches], 1) + self.positions))


class ViTModel(PublishedModel):
    """pixels (B, channels, height, width) -> vectors (B, 1 + N, C), as a folder holds it: without a head.

    Args:
        config: the sizes.
    """

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.config = config
        self.vit = ViT(config)
        self.pooler = nn.Linear(config.hidden_size, config.hidden_size)  # of the folder; no output reads it

    def forward(self, pixels: Tensor) -> Tensor:
        """The vectors of the class and of each patch.

        Args:
            pixels: (B, channels, height, width).

        Returns:
            (B, 1 + N, C).

        Raises:
            ValueError: for pictures of another size.
        """
        return self.vit(pixels)


class ViTForImageClassification(PublishedModel):
    """pixels (B, channels, height, width) -> logits of each picture's class (B, L).

    Args:
        config: the sizes.
    """

    def __init__(self, config: ViTConfig):
        super().__init__()
        self.config = config
        self.vit = ViT(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, pixels: Tensor) -> Tensor:
        """The logits of each picture's class.

        Args:
            pixels: (B, channels, height, width).

        Returns:
            (B, L).

        Raises:
            ValueError: for pictures of another size.
        """
        return self.classifier(self.vit(pixels)[:, 0])


# ---- published names ----

NAMES = Names(
    {
        "class_token": "embeddings.cls_token",
        "positions": "embeddings.position_embeddings",
        "patches.": "embeddings.patch_embeddings.projection.",
        "encoder.layers.*.norm1.": "encoder.layer.*.layernorm_before.",
        "encoder.layers.*.self_attn.in_proj_": (
            "encoder.layer.*.attention.attention.query.",
            "encoder.layer.*.attention.attention.key.",
            "encoder.layer.*.attention.attention.value.",
        ),
        "encoder.layers.*.self_attn.out_proj.": "encoder.layer.*.attention.output.dense.",
        "encoder.layers.*.norm2.": "encoder.layer.*.layernorm_after.",
        "encoder.layers.*.linear1.": "encoder.layer.*.intermediate.dense.",
        "encoder.layers.*.linear2.": "encoder.layer.*.output.dense.",
        "encoder.norm.": "layernorm.",
    }
)
BARE = NAMES.within("vit.", "", {"pooler.": "pooler.dense."})
CLASSIFIER = NAMES.within("vit.", "vit.", {"classifier.": "classifier."})
