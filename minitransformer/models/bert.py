"""BERT: a Transformer encoder without a causal mask, and the heads that are put on top of it.

It is `nn.TransformerEncoder`, with a layer norm after each residual sum, on token embeddings with learned positions and
segments. all-MiniLM-L6-v2 is such a model (Wang et al., NeurIPS 2020); the vector of a sentence is the mean of its tokens'
vectors (Reimers & Gurevych, EMNLP 2019). `NAMES` says what published weights are called.

Source:
    Devlin et al., NAACL 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, InitVar, dataclass
from typing import Any

import numpy

from minitransformer import nn
from minitransformer.autograd import Tensor, no_grad
from minitransformer.models.activations import ACTIVATIONS
from minitransformer.models.folder.names import Names
from minitransformer.models.outside import PublishedConfig
from minitransformer.nn import init
from minitransformer.nn.lora import add_lora
from minitransformer.nn.modes import in_use
from minitransformer.ops.shape.joining import cat
from minitransformer.tokenization import Tokenizer
from minitransformer.utils.data import pad_sequence


@dataclass(frozen=True)
class BertConfig(PublishedConfig):
    """The sizes of a `Bert`, under their published names. The defaults are those of all-MiniLM-L6-v2.

    Args:
        vocab_size: the number V of ids.
        hidden_size: the size C of each token's vector.
        num_hidden_layers: layers.
        num_attention_heads: attention heads in a layer; a divisor of `hidden_size`.
        intermediate_size: the size of the hidden layer in each feed-forward part.
        max_position_embeddings: the largest number of tokens.
        type_vocab_size: the number of segments.
        layer_norm_eps: the number that each layer norm adds to the variance.
        pad_token_id: the id of padding.
        dropout: the probability of dropout, in [0, 1].
        hidden_act: the name of the activation function, one of `activations.ACTIVATIONS`.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here.
    """

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
    hidden_act: str = "gelu"
    model_type: InitVar[str] = "bert"
    position_embedding_type: InitVar[str] = "absolute"
    is_decoder: InitVar[bool] = False
    add_cross_attention: InitVar[bool] = False
    tie_word_embeddings: InitVar[bool] = True

    def check(self, said: dict[str, Any]) -> None:
        self.require("hidden_act", self.hidden_act, *ACTIVATIONS)
        super().check(said)

    @property
    def head_act(self) -> str:
        """The activation function in the head for masked tokens, by its name."""
        return self.hidden_act

    @property
    def pooler_act(self) -> str:
        """The activation function in the head for classes of texts, by its name."""
        return "tanh"


class BertEmbeddings(nn.Module):
    """The layer norm of the sum of three vectors: of the token, its position and its segment. ids (B, T) -> (B, T, C).

    Args:
        config: the sizes.
    """

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
        """The vectors that the first layer reads.

        Args:
            ids: (B, T) integers.
            segments: (B, T) integers; None means segment 0 for every token.

        Returns:
            (B, T, C).
        """
        # (C,) or (B, T, C)
        segment = self.segments.weight[0] if segments is None else self.segments(segments)
        return self.dropout(self.norm(self.placed(self.words(ids) + segment, ids)))

    def placed(self, x: Tensor, ids: Tensor) -> Tensor:
        """Add the vector of each token's position.

        Args:
            x: (B, T, C).
            ids: (B, T) integers.

        Returns:
            (B, T, C).
        """
        return self.positions(x)


class Bert(nn.Module):
    """ids (B, T) -> vectors (B, T, C). No token attends to padding.

    Args:
        config: the sizes.
        embeddings: the class of what gives the first layer its vectors.
    """

    def __init__(self, config: BertConfig, embeddings: Callable[[Any], nn.Module] = BertEmbeddings):
        super().__init__()
        self.config = c = config
        self.embeddings = embeddings(c)
        layer = nn.TransformerEncoderLayer(
            c.hidden_size,
            c.num_attention_heads,
            c.intermediate_size,
            c.dropout,
            ACTIVATIONS[c.hidden_act],
            c.layer_norm_eps,
            batch_first=True,
        )
        self.encoder = nn.TransformerEncoder(layer, c.num_hidden_layers)
        self.apply(init_weights)

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """The vectors after the last layer.

        Args:
            ids: (B, T) integers.
            segments: (B, T) integers: 0 for tokens of the first sentence, 1 for those of the second. None means 0 everywhere.

        Returns:
            (B, T, C).
        """
        return self.read(ids, segments, ids == self.config.pad_token_id)

    def read(self, ids: Tensor, segments: Tensor | None, padding: Tensor | None) -> Tensor:
        """The vectors after the last layer, where it is said what is padding.

        Args:
            ids: (B, T) integers.
            segments: see `forward`.
            padding: (B, T) bool, True for padding; None for none.

        Returns:
            (B, T, C).
        """
        return self.encoder(self.embeddings(ids, segments), src_key_padding_mask=padding)

    def hidden_states(self, ids: Tensor) -> list[Tensor]:
        """The vectors before the first layer, and those after each layer.

        Args:
            ids: (B, T) integers.

        Returns:
            L + 1 tensors (B, T, C), for L layers.
        """
        padding = ids == self.config.pad_token_id
        states = [self.embeddings(ids)]
        for layer in self.encoder.layers:
            states.append(layer(states[-1], src_key_padding_mask=padding))
        return states

    def sentences(self, ids: Tensor, every_layer: bool = False) -> Tensor:
        """A vector for each sentence: the mean of its tokens' vectors.

        Args:
            ids: (B, T) integers.
            every_layer: whether to concatenate the means of all `hidden_states`, instead of taking the last layer only.

        Returns:
            (B, C), or (B, (L + 1) C) for `every_layer`.
        """
        x = cat(self.hidden_states(ids), -1) if every_layer else self(ids)  # (B, T, C) or (B, T, (L + 1) C)
        real = (ids != self.config.pad_token_id).unsqueeze(-1).to(x.dtype)  # (B, T, 1)
        return (x * real).sum(1) / real.sum(1).clip(min=1)


class BertMaskedLM(nn.Module):
    """ids (B, T), some of them [MASK] -> logits of the token at each position (B, T, V).

    Args:
        config: the sizes.
        body: the class of the encoder.
    """

    def __init__(self, config: BertConfig, body: Callable[[Any], Bert] = Bert):
        super().__init__()
        self.config = config
        self.bert = body(config)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        for part in (self.dense, self.decoder):
            init_weights(part)
        self.decoder.weight = self.bert.embeddings.words.weight

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """The logits of the token at each position.

        Args:
            ids: (B, T) integers.
            segments: see `Bert.forward`.

        Returns:
            (B, T, V).
        """
        return self.predict(self.bert(ids, segments))

    def predict(self, x: Tensor) -> Tensor:
        """The logits from the vectors of the tokens.

        Args:
            x: (B, T, C), from the encoder.

        Returns:
            (B, T, V).
        """
        return self.decoder(self.norm(ACTIVATIONS[self.config.head_act](self.dense(x))))


@dataclass(frozen=True)
class BertClassifierConfig(BertConfig):
    """The sizes of a `BertClassifier`; those of its encoder are documented in `BertConfig`.

    Args:
        num_classes: the number of classes.
        lora_rank: the rank of the matrices that LoRA adds to a frozen encoder; 0 adds none and freezes nothing.
        every_layer: whether the head reads the vectors of all layers, instead of the last one.
    """

    num_classes: int = 2
    lora_rank: int = 0
    every_layer: bool = False


class BertClassifier(nn.Module):
    """ids (B, T) -> logits of each sentence's class (B, num_classes), from the mean of its tokens' vectors.

    Args:
        config: the sizes.
        bert: an encoder, such as a pretrained one; None makes a new one.
    """

    def __init__(self, config: BertClassifierConfig, bert: Bert | None = None):
        super().__init__()
        self.config = config
        self.bert = bert or Bert(config)
        if config.lora_rank:
            add_lora(self.bert, config.lora_rank)
        self.dropout = nn.Dropout(config.dropout)
        states = config.num_hidden_layers + 1 if config.every_layer else 1
        self.head = nn.Linear(states * config.hidden_size, config.num_classes)
        init_weights(self.head)

    def forward(self, ids: Tensor) -> Tensor:
        """The logits of each sentence's class.

        Args:
            ids: (B, T) integers.

        Returns:
            (B, num_classes).
        """
        return self.classify(self.read(ids))

    def read(self, ids: Tensor) -> Tensor:
        """The input of the head: a vector for each sentence.

        Args:
            ids: (B, T) integers.

        Returns:
            (B, F), where F is C, or (L + 1) C for `every_layer`.
        """
        return self.bert.sentences(ids, self.config.every_layer)

    def classify(self, vectors: Tensor) -> Tensor:
        """The logits from the vectors of the sentences.

        Args:
            vectors: (B, F), from `read`.

        Returns:
            (B, num_classes).
        """
        return self.head(self.dropout(vectors))


@no_grad()
def embed(model: Bert, tokenizer: Tokenizer, texts: Sequence[str], batch_size: int = 32) -> numpy.ndarray:
    """A vector of length 1 for each text; the scalar product of two such vectors is their cosine similarity.

    Args:
        model: the encoder; it runs in evaluation mode.
        tokenizer: the tokenizer of its ids.
        texts: N texts; one without words counts as one unknown word.
        batch_size: texts in a batch.

    Returns:
        (N, C), a NumPy array.

    Raises:
        ValueError: if a text has more tokens than the model has positions; the message names it.
    """
    rows = [tokenizer.encode(text) or [tokenizer.unk_id] for text in texts]
    most = model.config.max_position_embeddings
    if long := [i for i, row in enumerate(rows) if len(row) > most]:
        raise ValueError(
            f"embed: text {long[0]} has {len(rows[long[0]])} tokens, the model reads at most {most}; split the text"
        )
    parts = []
    weight = next(model.parameters())
    with in_use(model):
        for i in range(0, len(rows), batch_size):
            ids = pad_sequence(rows[i : i + batch_size], True, model.config.pad_token_id)
            x = model.sentences(ids.to(weight.device))  # (B, C)
            parts.append((x / (x * x).sum(-1, keepdim=True).sqrt()).numpy())
    return numpy.concatenate([numpy.zeros((0, model.config.hidden_size), weight.dtype), *parts])


def init_weights(module: nn.Module) -> None:
    """Set the initial weights of one module as the authors' code does: matrices from N(0, 0.02^2), biases 0.

    Args:
        module: a linear layer, an embedding or an attention; others are not changed.
    """
    if isinstance(module, (nn.Linear, nn.Embedding)):
        init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None:
        init.normal_(module.in_proj_weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        init.zeros_(module.bias)


# ---- published names ----

NAMES = Names(
    {
        "embeddings.words.": "embeddings.word_embeddings.",
        "embeddings.positions.": "embeddings.position_embeddings.",
        "embeddings.segments.": "embeddings.token_type_embeddings.",
        "embeddings.norm.": "embeddings.LayerNorm.",
        "encoder.layers.*.self_attn.in_proj_": (
            "encoder.layer.*.attention.self.query.",
            "encoder.layer.*.attention.self.key.",
            "encoder.layer.*.attention.self.value.",
        ),
        "encoder.layers.*.self_attn.out_proj.": "encoder.layer.*.attention.output.dense.",
        "encoder.layers.*.norm1.": "encoder.layer.*.attention.output.LayerNorm.",
        "encoder.layers.*.linear1.": "encoder.layer.*.intermediate.dense.",
        "encoder.layers.*.linear2.": "encoder.layer.*.output.dense.",
        "encoder.layers.*.norm2.": "encoder.layer.*.output.LayerNorm.",
    },
    spare=("embeddings.position_ids",),
)
MASKED_NAMES = NAMES.within(
    "bert.",
    "bert.",
    {
        "dense.": "cls.predictions.transform.dense.",
        "norm.": "cls.predictions.transform.LayerNorm.",
        "decoder.bias": "cls.predictions.bias",
        "decoder.weight": "cls.predictions.decoder.weight",
    },
).but(
    ("bert.pooler.", "cls.seq_relationship."),
    {"cls.predictions.decoder.bias": "cls.predictions.bias"},
)
