"""BERT: an encoder that looks both ways, and what is put on top of it.

Devlin et al., NAACL 2019. It is `nn.TransformerEncoder`, normalised after each sum, on words with learned positions and
segments. all-MiniLM-L6-v2 is one of them (Wang et al., NeurIPS 2020): the mean of its vectors stands for a sentence
(Reimers & Gurevych, EMNLP 2019). `from_published` gives weights the names they have here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor, no_grad
from minitransformer.models.outside import PublishedConfig, check_left, check_tied
from minitransformer.nn import functional as F
from minitransformer.nn import init
from minitransformer.nn.lora import add_lora
from minitransformer.nn.modes import in_use
from minitransformer.ops.shape import cat
from minitransformer.tokenization import Tokenizer
from minitransformer.utils.data import pad_sequence


@dataclass(frozen=True)
class BertConfig(PublishedConfig):
    """Sizes, under their published names; as they stand, those of all-MiniLM-L6-v2."""

    left_out = {
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
    }

    vocab_size: int = 30_522
    hidden_size: int = 384
    num_hidden_layers: int = 6
    num_attention_heads: int = 12
    intermediate_size: int = 1536
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    layer_norm_eps: float = 1e-12
    pad_token_id: int = 0
    dropout: float = 0.1
    _: KW_ONLY
    model_type: InitVar[str] = "bert"
    hidden_act: InitVar[str] = "gelu"
    position_embedding_type: InitVar[str] = "absolute"
    is_decoder: InitVar[bool] = False
    add_cross_attention: InitVar[bool] = False
    tie_word_embeddings: InitVar[bool] = True


class BertEmbeddings(nn.Module):
    """The sum of a word's vector, its place's and its segment's, normalised. ids (B, T) -> (B, T, C)."""

    def __init__(self, config: BertConfig):
        super().__init__()
        width = config.hidden_size
        self.words = nn.Embedding(config.vocab_size, width, padding_idx=config.pad_token_id)
        self.positions = nn.LearnedPositionalEncoding(
            width, 0.0, config.max_position_embeddings, batch_first=True
        )
        self.segments = nn.Embedding(config.type_vocab_size, width)
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        # (C,) or (B, T, C)
        segment = self.segments.weight[0] if segments is None else self.segments(segments)
        return self.dropout(self.norm(self.positions(self.words(ids) + segment)))


class Bert(nn.Module):
    """ids (B, T) -> vectors (B, T, C); padding is seen by no token."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = c = config
        self.embeddings = BertEmbeddings(c)
        layer = nn.TransformerEncoderLayer(
            c.hidden_size,
            c.num_attention_heads,
            c.intermediate_size,
            c.dropout,
            "gelu",
            c.layer_norm_eps,
            batch_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, c.num_hidden_layers)
        self.apply(draw)

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """`segments` (B, T) tells the first sentence, 0, from the second, 1; None: there is one sentence."""
        return self.encoder(
            self.embeddings(ids, segments), src_key_padding_mask=ids == self.config.pad_token_id
        )

    def hidden_states(self, ids: Tensor) -> list[Tensor]:
        """The vectors before the first layer and after each, (B, T, C) each."""
        padding, states = ids == self.config.pad_token_id, [self.embeddings(ids)]
        for layer in self.encoder.layers:
            states.append(layer(states[-1], src_key_padding_mask=padding))
        return states

    def sentences(self, ids: Tensor, every_layer: bool = False) -> Tensor:
        """The mean of the vectors of a sentence's tokens; of `every_layer`, L + 1 means side by side.

        ids (B, T) -> (B, C), or (B, (L + 1) C).
        """
        x = cat(self.hidden_states(ids), -1) if every_layer else self(ids)  # (B, T, C) or (B, T, (L + 1) C)
        real = (ids != self.config.pad_token_id).unsqueeze(-1).to(x.dtype)  # (B, T, 1)
        return (x * real).sum(1) / real.sum(1).clip(min=1)


class BertMaskedLM(nn.Module):
    """ids (B, T), some of them masked -> logits of the word at each place (B, T, V)."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config, self.bert = config, Bert(config)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        for part in (self.dense, self.decoder):
            draw(part)
        self.decoder.weight = self.bert.embeddings.words.weight

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        x = self.bert(ids, segments)  # (B, T, C)
        return self.decoder(self.norm(F.gelu(self.dense(x))))


@dataclass(frozen=True)
class BertClassifierConfig(BertConfig):
    """Sizes of the encoder, how many classes there are, the rank of what is added to a frozen encoder, if it is, and
    whether the head reads `every_layer` or the last."""

    num_classes: int = 2
    lora_rank: int = 0
    every_layer: bool = False


class BertClassifier(nn.Module):
    """ids (B, T) -> logits of a sentence's class (B, num_classes), from the mean of its tokens' vectors.

    `bert` is an encoder that has learned something already; a new one is made if there is none.
    """

    def __init__(self, config: BertClassifierConfig, bert: Bert | None = None):
        super().__init__()
        self.config, self.bert = config, bert or Bert(config)
        if config.lora_rank:
            add_lora(self.bert, config.lora_rank)
        self.dropout = nn.Dropout(config.dropout)
        states = config.num_hidden_layers + 1 if config.every_layer else 1
        self.head = nn.Linear(states * config.hidden_size, config.num_classes)
        draw(self.head)

    def forward(self, ids: Tensor) -> Tensor:
        return self.classify(self.read(ids))

    def read(self, ids: Tensor) -> Tensor:
        """What the head sees of a sentence. ids (B, T) -> (B, F)."""
        return self.bert.sentences(ids, self.config.every_layer)

    def classify(self, vectors: Tensor) -> Tensor:
        """(B, F) -> (B, num_classes)."""
        return self.head(self.dropout(vectors))


@no_grad()
def embed(model: Bert, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 32) -> numpy.ndarray:
    """A vector of length 1 for each text, (N, C) on the host: their products are cosines.

    A text without words counts as one unknown word. Raises ValueError, which names the text, if one has more tokens than the
    model has places.
    """
    rows = [tokenizer.encode(text) or [tokenizer.unk_id] for text in texts]
    most = model.config.max_position_embeddings
    if long := [i for i, row in enumerate(rows) if len(row) > most]:
        raise ValueError(
            f"embed: text {long[0]} has {len(rows[long[0]])} tokens, and this model reads {most}; cut it up"
        )
    parts, weight = [], next(model.parameters())
    with in_use(model):
        for i in range(0, len(rows), batch_size):
            ids = pad_sequence(rows[i : i + batch_size], True, model.config.pad_token_id)
            x = model.sentences(ids.to(weight.device))  # (B, C)
            parts.append((x / (x * x).sum(-1, keepdim=True).sqrt()).numpy())
    return numpy.concatenate([numpy.zeros((0, model.config.hidden_size), weight.dtype), *parts])


def draw(module: nn.Module) -> None:
    """Initial weights as the paper's code has them: N(0, 0.02^2), no biases."""
    if isinstance(module, (nn.Linear, nn.Embedding)):
        init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
        init.normal_(module.in_proj_weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        init.zeros_(module.bias)


# ---- published names ----

TOP = {
    "embeddings.words": "embeddings.word_embeddings",
    "embeddings.positions": "embeddings.position_embeddings",
    "embeddings.segments": "embeddings.token_type_embeddings",
    "embeddings.norm": "embeddings.LayerNorm",
}
LAYER = {
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}
SPARE = ("pooler.", "embeddings.position_ids")
HEAD = {"dense": "transform.dense", "norm": "transform.LayerNorm"}


def from_published(arrays: Mapping[str, numpy.ndarray], num_layers: int) -> dict[str, numpy.ndarray]:
    """The weights of a `Bert` by our names, given those of the published names; those of a head, `SPARE`, are left.

    Query, key and value become one matrix. Raises KeyError with the name of an array that is missing, ValueError with those
    that have no place here.
    """
    names = {f"{ours}.weight": f"{theirs}.weight" for ours, theirs in TOP.items()}
    names["embeddings.norm.bias"] = "embeddings.LayerNorm.bias"
    for i in range(num_layers):
        for ours, theirs in LAYER.items():
            names |= {
                f"encoder.layers.{i}.{ours}.{k}": f"encoder.layer.{i}.{theirs}.{k}"
                for k in ("weight", "bias")
            }
    state, used = {ours: arrays[theirs] for ours, theirs in names.items()}, set(names.values())
    for i in range(num_layers):
        for k in ("weight", "bias"):
            parts = [f"encoder.layer.{i}.attention.self.{part}.{k}" for part in ("query", "key", "value")]
            # (3 C, C) or (3 C,)
            state[f"encoder.layers.{i}.self_attn.in_proj_{k}"] = numpy.concatenate([arrays[p] for p in parts])
            used.update(parts)
    check_left(arrays, used, SPARE)
    return state


def masked_lm_from_published(
    arrays: Mapping[str, numpy.ndarray], num_layers: int
) -> dict[str, numpy.ndarray]:
    """The same for a `BertMaskedLM`, whose encoder is published under `bert.`, and its head under `cls.predictions.`."""
    check_tied(arrays, "cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight")
    check_tied(arrays, "cls.predictions.decoder.bias", "cls.predictions.bias")
    encoder = {
        name.removeprefix("bert."): array for name, array in arrays.items() if name.startswith("bert.")
    }
    state = {f"bert.{name}": array for name, array in from_published(encoder, num_layers).items()}
    for ours, theirs in HEAD.items():
        state |= {f"{ours}.{k}": arrays[f"cls.predictions.{theirs}.{k}"] for k in ("weight", "bias")}
    return {
        **state,
        "decoder.weight": state["bert.embeddings.words.weight"],
        "decoder.bias": arrays["cls.predictions.bias"],
    }
