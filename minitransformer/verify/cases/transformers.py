"""Encoder and decoder layers, whole Transformers, and models that PyTorch does not have."""

from __future__ import annotations

import minitransformer
from minitransformer.models.bert import Bert, BertConfig
from minitransformer.models.gpt import GPT, GPTConfig
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.models.llama import Llama, LlamaConfig
from minitransformer.models.seq2seq import Seq2Seq, Seq2SeqConfig
from minitransformer.models.t5 import T5, T5Config
from minitransformer.verify.case import LayerCase, ModelCase
from minitransformer.verify.cases.masks import PADDING, causal
from minitransformer.verify.inputs import given, ids, normal
from minitransformer.verify.torch_twin import torch_twin


def _encoder_layer(lib, **options):
    return lib.nn.TransformerEncoderLayer(4, 2, 6, 0.0, batch_first=True, **options)


def _decoder_layer(lib, **options):
    return lib.nn.TransformerDecoderLayer(4, 2, 6, 0.0, batch_first=True, **options)


def _article(lib):
    """The article's model: normalized after each block, with ReLU."""
    model = LanguageModel(
        LanguageModelConfig(7, 4, 2, 2, 6, dropout=0.0, activation="relu", norm_first=False, max_len=9)
    )
    return model if lib is minitransformer else torch_twin(model)


def _article_loss(lib, layer, tokens):
    """The mean cross-entropy of all next tokens, and the logits. (B, T + 1) -> (1 + B T V,)."""
    logits = layer(tokens[:, :-1])
    loss = lib.nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    return lib.cat([loss.reshape(1), logits.flatten()])


TRANSFORMERS = [
    LayerCase("TransformerEncoderLayer", _encoder_layer, [normal(2, 3, 4)]),
    LayerCase(
        "TransformerEncoderLayer, pre-norm",
        lambda lib: _encoder_layer(lib, norm_first=True, activation="gelu"),
        [normal(2, 3, 4)],
    ),
    LayerCase(
        "TransformerEncoderLayer, tokens first, padding",
        lambda lib: lib.nn.TransformerEncoderLayer(4, 2, 6, 0.0),
        [normal(3, 2, 4), PADDING],
        lambda lib, layer, x, padding: layer(x, src_key_padding_mask=padding),
    ),
    LayerCase(
        "TransformerEncoder, pre-norm, causal",
        lambda lib: lib.nn.TransformerEncoder(
            _encoder_layer(lib, norm_first=True), 2, lib.nn.LayerNorm(4), enable_nested_tensor=False
        ),
        [normal(2, 3, 4)],
        lambda lib, layer, x: layer(x, mask=causal(lib, x), is_causal=True),
    ),
    LayerCase("TransformerDecoderLayer", _decoder_layer, [normal(2, 3, 4), normal(2, 5, 4)]),
    LayerCase(
        "TransformerDecoderLayer, pre-norm, causal",
        lambda lib: _decoder_layer(lib, norm_first=True),
        [normal(2, 3, 4), normal(2, 5, 4)],
        lambda lib, layer, x, memory: layer(x, memory, tgt_mask=causal(lib, x), tgt_is_causal=True),
    ),
    LayerCase(
        "TransformerDecoder",
        lambda lib: lib.nn.TransformerDecoder(_decoder_layer(lib), 2, lib.nn.LayerNorm(4)),
        [normal(2, 3, 4), normal(2, 5, 4)],
    ),
    LayerCase(
        "Transformer",
        lambda lib: lib.nn.Transformer(4, 2, 1, 1, 6, 0.0),
        [normal(4, 2, 4), normal(3, 2, 4)],
        lambda lib, layer, source, target: layer(source, target, tgt_mask=causal(lib, target, dim=0)),
    ),
    LayerCase("LanguageModel, the article's", _article, [ids(7, 2, 5)], _article_loss),
]


MODELS = [
    ModelCase(
        "BERT",
        lambda lib: Bert(BertConfig(7, 4, 1, 2, 6, 5, dropout=0.0)),
        [given([[3, 1, 4, 2], [5, 2, 6, 1]])],
    ),
    ModelCase("GPT", lambda lib: GPT(GPTConfig(7, 5, 4, 1, 2, dropout=0.0)), [ids(7, 2, 4)]),
    ModelCase(
        "Llama",
        lambda lib: Llama(LlamaConfig(7, 8, 6, 1, 4, 2, 5, tie_word_embeddings=False)),
        [ids(7, 2, 4)],
    ),
    ModelCase(
        "T5", lambda lib: T5(T5Config(7, 4, 2, 6, 1, 1, 2, 4, 6, dropout=0.0)), [ids(7, 2, 4), ids(7, 2, 3)]
    ),
    ModelCase(
        "Seq2Seq", lambda lib: Seq2Seq(Seq2SeqConfig(7, 4, 2, 1, 1, 6, 0.0)), [ids(7, 2, 4), ids(7, 2, 3)]
    ),
]
