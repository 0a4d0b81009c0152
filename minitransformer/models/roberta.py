"""RoBERTa: `bert.py`, in which positions are counted from the first token that is not padding, and begin after its id.

The heads are those of `bert_heads.py`, under other published names.

Source:
    Liu et al., arXiv 1907.11692, 2019.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass

from minitransformer.autograd import Tensor
from minitransformer.models.bert import NAMES, Bert, BertConfig, BertEmbeddings
from minitransformer.models.bert_heads import BertHeadConfig


@dataclass(frozen=True)
class RobertaConfig(BertHeadConfig):
    """The sizes of a RoBERTa, under their published names; those that it shares with BERT are documented in `BertConfig`.

    Args:
        vocab_size: the number V of ids.
        layer_norm_eps: the number that each layer norm adds to the variance.
        type_vocab_size: the number of segments.
        max_position_embeddings: the number of position vectors: of tokens it reads `pad_token_id` + 1 fewer.
        pad_token_id: the id of padding.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here.
    """

    left_out = BertHeadConfig.left_out | {
        "vocab_size": 50_265, "max_position_embeddings": 512, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    }  # fmt: skip

    vocab_size: int = 50_265
    max_position_embeddings: int = 514
    type_vocab_size: int = 1
    layer_norm_eps: float = 1e-5
    pad_token_id: int = 1
    model_type: InitVar[str] = "roberta"

    @property
    def head_act(self) -> str:
        """The activation function in the head for masked tokens: always GELU."""
        return "gelu"


class RobertaEmbeddings(BertEmbeddings):
    """The layer norm of the sum of three vectors: of the token, its position and its segment. ids (B, T) -> (B, T, C).

    Args:
        config: the sizes.
    """

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.pad_token_id = config.pad_token_id

    def placed(self, x: Tensor, ids: Tensor) -> Tensor:
        """Add the vector of each token's position. Tokens count from `pad_token_id` + 1; padding has its own id as position.

        Args:
            x: (B, T, C).
            ids: (B, T) integers.

        Returns:
            (B, T, C).

        Raises:
            ValueError: if there are more tokens than positions.
        """
        room = len(self.positions.table()) - self.pad_token_id - 1
        if ids.shape[1] > room:
            raise ValueError(f"RoBERTa: expected at most {room} tokens, got {ids.shape[1]}; split the text")
        real = (ids != self.pad_token_id).long()  # (B, T)
        return self.positions.at(x, real.cumsum(1) * real + self.pad_token_id)


class Roberta(Bert):
    """ids (B, T) -> vectors (B, T, C).

    Args:
        config: the sizes.
    """

    def __init__(self, config: RobertaConfig):
        super().__init__(config, RobertaEmbeddings)


# ---- published names ----

BARE = NAMES.within("bert.", "", {"pooler.": "pooler."})
CLASSIFIER = NAMES.within(
    "bert.", "roberta.", {"pooler.": "classifier.", "classifier.": "classifier.out_proj."}
).but(("roberta.pooler.",))
TAGGER = NAMES.within("bert.", "roberta.", {"classifier.": "classifier."}).but(("roberta.pooler.",))
READER = NAMES.within("bert.", "roberta.", {"qa_outputs.": "qa_outputs."}).but(("roberta.pooler.",))
MASKED_LM = NAMES.within(
    "lm.bert.",
    "roberta.",
    {
        "lm.dense.": "lm_head.dense.",
        "lm.norm.": "lm_head.layer_norm.",
        "lm.decoder.bias": "lm_head.bias",
        "lm.decoder.weight": "lm_head.decoder.weight",
    },
).but(("roberta.pooler.",), {"lm_head.decoder.bias": "lm_head.bias"})
