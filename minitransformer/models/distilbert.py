"""DistilBERT: `bert.py` with half as many layers and without segments, trained to give what BERT gives.

The heads are those of `bert_heads.py`, under other published names; that for classes of texts has ReLU for tanh.

Source:
    Sanh et al., arXiv 1910.01108, 2019.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass

from minitransformer import nn
from minitransformer.autograd import Tensor
from minitransformer.models.bert import Bert, BertConfig
from minitransformer.models.bert_heads import BertHeadConfig
from minitransformer.models.folder.model import PublishedModel
from minitransformer.models.folder.names import Names
from minitransformer.nn.masking import hidden_tokens


@dataclass(frozen=True)
class DistilBertConfig(BertHeadConfig):
    """The sizes of a DistilBERT, under BERT's names for them; they are documented in `BertConfig`.

    Args:
        num_hidden_layers: layers.
        hidden_size: the size C of each token's vector.
        intermediate_size: the size of the hidden layer in each feed-forward part.
        model_type: and all that follow: keys of `config.json` for which only the default is computed here.

    Raises:
        ValueError: if a key has a value that is not computed here.
    """

    left_out = {}
    renamed = {
        "dim": "hidden_size", "n_layers": "num_hidden_layers", "n_heads": "num_attention_heads", "hidden_dim": "intermediate_size",
        "activation": "hidden_act",
    }  # fmt: skip

    hidden_size: int = 768
    num_hidden_layers: int = 6
    intermediate_size: int = 3072
    model_type: InitVar[str] = "distilbert"
    tie_weights_: InitVar[bool] = True  # in folders of transformers before 3

    @property
    def pooler_act(self) -> str:
        """The activation function in the head for classes of texts."""
        return "relu"


class DistilBertEmbeddings(nn.Module):
    """The layer norm of the sum of two vectors: of the token and its position. ids (B, T) -> (B, T, C).

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
        self.norm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, ids: Tensor, segments: Tensor | None = None) -> Tensor:
        """The vectors that the first layer reads.

        Args:
            ids: (B, T) integers.
            segments: only None; there are none.

        Returns:
            (B, T, C).

        Raises:
            ValueError: for segments.
        """
        if segments is not None:
            raise ValueError("token_type_ids: DistilBERT has no segments; leave them out")
        return self.dropout(self.norm(self.positions(self.words(ids))))


class DistilBert(Bert):
    """ids (B, T) -> vectors (B, T, C).

    Args:
        config: the sizes.
    """

    def __init__(self, config: DistilBertConfig):
        super().__init__(config, DistilBertEmbeddings)


class DistilBertModel(PublishedModel):
    """ids (B, T) -> vectors (B, T, C), as a folder holds it: without a head.

    Args:
        config: the sizes.
    """

    def __init__(self, config: DistilBertConfig):
        super().__init__()
        self.config = config
        self.bert = DistilBert(config)

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """The vectors after the last layer.

        Args:
            ids: (B, T) integers.
            attention_mask: (B, T), 1 for real tokens and 0 for padding; None means no padding.

        Returns:
            (B, T, C).

        Raises:
            ValueError: if the mask has another shape.
        """
        return self.bert.read(ids, None, hidden_tokens(attention_mask, *ids.shape))


# ---- published names ----

LAYER = "encoder.layers.*."
NAMES = Names(
    {
        "embeddings.words.": "embeddings.word_embeddings.",
        "embeddings.positions.": "embeddings.position_embeddings.",
        "embeddings.norm.": "embeddings.LayerNorm.",
        f"{LAYER}self_attn.in_proj_": (
            "transformer.layer.*.attention.q_lin.",
            "transformer.layer.*.attention.k_lin.",
            "transformer.layer.*.attention.v_lin.",
        ),
        f"{LAYER}self_attn.out_proj.": "transformer.layer.*.attention.out_lin.",
        f"{LAYER}norm1.": "transformer.layer.*.sa_layer_norm.",
        f"{LAYER}linear1.": "transformer.layer.*.ffn.lin1.",
        f"{LAYER}linear2.": "transformer.layer.*.ffn.lin2.",
        f"{LAYER}norm2.": "transformer.layer.*.output_layer_norm.",
    },
    spare=("embeddings.position_ids",),
)
BARE = NAMES.within("bert.", "", {})
CLASSIFIER = NAMES.within(
    "bert.", "distilbert.", {"pooler.dense.": "pre_classifier.", "classifier.": "classifier."}
)
TAGGER = NAMES.within("bert.", "distilbert.", {"classifier.": "classifier."})
READER = NAMES.within("bert.", "distilbert.", {"qa_outputs.": "qa_outputs."})
MASKED_LM = NAMES.within(
    "lm.bert.",
    "distilbert.",
    {
        "lm.dense.": "vocab_transform.",
        "lm.norm.": "vocab_layer_norm.",
        "lm.decoder.": "vocab_projector.",
    },
)
