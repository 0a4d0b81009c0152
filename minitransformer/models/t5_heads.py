"""T5 with other heads than the one that writes: its encoder alone, classes of texts, and answers in a text.

A classifier and a finder of answers let the decoder read the same text again, as BART's do.

Source:
    Raffel et al., JMLR 2020, section 2.1; the heads: Lewis et al., ACL 2020, section 3.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models.folder.model import PublishedModel
from minitransformer.models.t5 import ENCODER_NAMES, NAMES, T5Body, T5Config, T5Stack, init_weights
from minitransformer.nn.masking import hidden_tokens
from minitransformer.ops.creation.filled import arange
from minitransformer.ops.networks.activation import tanh
from minitransformer.ops.shape.joining import cat


@dataclass(frozen=True)
class T5EncoderConfig(T5Config):
    """The sizes of a `T5Encoder`, under their published names; they are documented in `T5Config`.

    Args:
        is_encoder_decoder: and all that follow: keys of `config.json` for which only one meaning is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here, or a size is out of range.
    """

    also = {"is_encoder_decoder": (True,)}  # in folders of transformers before 5

    is_encoder_decoder: InitVar[bool] = False


class T5Encoder(PublishedModel):
    """ids (B, S) -> vectors (B, S, C).

    Args:
        config: the sizes.
    """

    def __init__(self, config: T5Config):
        super().__init__()
        self.config = config
        self.shared = nn.Embedding(config.vocab_size, config.d_model)
        self.encoder = T5Stack(config, config.num_layers, decodes=False)
        self.apply(init_weights)

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """The vectors after the last layer and its norm.

        Args:
            ids: (B, S) integers.
            attention_mask: (B, S), 1 for real tokens and 0 for padding; None means no padding.

        Returns:
            (B, S, C).

        Raises:
            ValueError: if the mask has another shape.
        """
        return self.encoder(self.shared(ids), hidden_tokens(attention_mask, *ids.shape))


def read_again(
    body: T5Body, ids: Tensor, decoder_ids: Tensor | None, attention_mask: Tensor | None
) -> Tensor:
    """The decoder's vectors where it is to write the text that the encoder reads: it reads it one place to the right.

    The text is looked up once, so that an explanation of a token tells of both readings.

    Args:
        body: the encoder and the decoder.
        ids: (B, S) integers.
        decoder_ids: (B, T) integers that the decoder reads instead; None for the text.
        attention_mask: see `T5Body.forward`.

    Returns:
        (B, S, C), or (B, T, C).
    """
    if decoder_ids is not None:
        return body(ids, decoder_ids, attention_mask)
    padding = body.padding(ids, attention_mask)
    x = body.shared(ids)  # (B, S, C)
    first = body.shared.weight[body.config.pad_token_id].expand(len(ids), 1, x.shape[-1])  # (B, 1, C)
    return body.decoder(cat([first, x[:, :-1]], 1), None, body.encoder(x, padding), padding)


class T5Classifier(PublishedModel):
    """ids (B, S) -> logits of each text's class (B, L), from the decoder's vector at the end of the text.

    Args:
        config: the sizes.
    """

    def __init__(self, config: T5Config):
        super().__init__()
        self.config = config
        self.body = T5Body(config)
        self.dense = nn.Linear(config.d_model, config.d_model)
        self.out = nn.Linear(config.d_model, config.num_labels)

    def forward(
        self, ids: Tensor, decoder_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> Tensor:
        """The logits of each text's class.

        Args:
            ids: (B, S) integers, each text with `eos_token_id` at its end.
            decoder_ids: (B, S) integers that the decoder reads; None means `ids`, one place to the right.
            attention_mask: (B, S), 1 for real tokens and 0 for padding; None means that `pad_token_id` is padding.

        Returns:
            (B, L).

        Raises:
            ValueError: if a text has no end, or the mask has another shape.
        """
        x = read_again(self.body, ids, decoder_ids, attention_mask)  # (B, S, C)
        return self.out(tanh(self.dense(x[arange(len(ids), device=ids.device), self._ends(ids)])))

    def _ends(self, ids: Tensor) -> Tensor:
        """The place of the last `eos_token_id` in each text: (B, S) -> (B,)."""
        ends = (ids == self.config.eos_token_id).long()  # (B, S)
        if not bool((ends.sum(1) > 0).all()):
            raise ValueError(
                f"expected eos_token_id={self.config.eos_token_id} in each text, got one without"
            )
        return (arange(ids.shape[1], device=ids.device) * ends).argmax(-1)


class T5Reader(PublishedModel):
    """ids (B, S) of a question and a text -> for each token, the logits that the answer starts or ends there, (B, S) each.

    Args:
        config: the sizes.
    """

    def __init__(self, config: T5Config):
        super().__init__()
        self.config = config
        self.body = T5Body(config)
        self.ends = nn.Linear(config.d_model, 2)

    def forward(
        self, ids: Tensor, decoder_ids: Tensor | None = None, attention_mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The logits of the answer's first and last token.

        Args:
            ids: (B, S) integers.
            decoder_ids: (B, S) integers that the decoder reads; None means `ids`, one place to the right.
            attention_mask: (B, S), 1 for real tokens and 0 for padding; None means that `pad_token_id` is padding.

        Returns:
            Twice (B, S).

        Raises:
            ValueError: if the mask has another shape.
        """
        logits = self.ends(read_again(self.body, ids, decoder_ids, attention_mask))  # (B, S, 2)
        return logits[..., 0], logits[..., 1]


# ---- published names ----

TAGGER = ENCODER_NAMES.within("body.", "transformer.", {"score.": "classifier."})
CLASSIFIER = NAMES.within(
    "body.", "transformer.", {"dense.": "classification_head.dense.", "out.": "classification_head.out_proj."}
)
READER = NAMES.within("body.", "", {"ends.": "qa_outputs."})
