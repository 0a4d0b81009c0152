"""Small models of every kind with random weights, for the tests of relevance."""

import numpy as np

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import nn
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig

VOCAB = 11
IDS = [3, 1, 4, 1, 5, 9]


def randomize(model, seed=0):
    """Every parameter at random, biases too: with biases of zero half of the ledger is never tested."""
    random = np.random.default_rng(seed)
    with mt.no_grad():
        for p in model.parameters():
            p.copy_(mt.tensor(random.standard_normal(p.shape) * 0.4))
    return model.double().eval()


def language_model(seed=0, **options):
    """A decoder: looks back only."""
    options = {"d_model": 8, "nhead": 2, "dim_feedforward": 12, **options}
    return randomize(LanguageModel(LanguageModelConfig(vocab_size=VOCAB, **options)), seed)


def classifier(seed=0, **options):
    """An encoder with a head on the mean."""
    options = {"d_model": 8, "nhead": 2, "dim_feedforward": 12, **options}
    return randomize(SequenceClassifier(ClassifierConfig(vocab_size=VOCAB, **options)), seed)


class EncoderDecoder(nn.Module):
    """Reads ids (B, T) as a source and, looking back only, as a target -> logits (B, T, V). Padding is 0."""

    def __init__(
        self,
        d_model=8,
        nhead=2,
        num_layers=1,
        dim_feedforward=12,
        activation="gelu",
        norm_first=False,
        bias=True,
    ):
        super().__init__()
        sizes = (d_model, nhead, dim_feedforward, 0.0, activation)
        options = {"batch_first": True, "norm_first": norm_first, "bias": bias}
        self.source, self.target = nn.Embedding(VOCAB, d_model), nn.Embedding(VOCAB, d_model)
        self.positions = nn.LearnedPositionalEncoding(d_model, 0.0, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(*sizes, **options), num_layers)
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(*sizes, **options), num_layers, nn.LayerNorm(d_model)
        )
        self.head = nn.Linear(d_model, VOCAB, bias)

    def forward(self, ids):
        padding = ids == 0
        memory = self.encoder(self.positions(self.source(ids)), src_key_padding_mask=padding)
        x = self.positions(self.target(ids))
        return self.head(self.decoder(x, memory, tgt_is_causal=True, memory_key_padding_mask=padding))


class Gated(nn.Module):
    """A block with RMSNorm, rotary attention with a bias on distances, and a gated MLP -> logits (B, T, V)."""

    def __init__(self, d_model=8, nhead=2, num_layers=1, dim_feedforward=12):
        super().__init__()
        self.nhead = nhead
        self.embedding, self.rotary = nn.Embedding(VOCAB, d_model), nn.RotaryEmbedding(d_model // nhead, 32)
        self.layers = nn.ModuleList(
            [nn.ModuleList(self._block(d_model, dim_feedforward)) for _ in range(num_layers)]
        )
        self.head = nn.Linear(d_model, VOCAB)

    @staticmethod
    def _block(c, f):
        attention, feed_forward = [(c, 3 * c), (c, c)], [(c, f), (c, f), (f, c)]
        linear = [[nn.Linear(*sizes) for sizes in part] for part in (attention, feed_forward)]
        return [nn.RMSNorm(c), *linear[0], nn.RMSNorm(c), *linear[1]]

    def forward(self, ids):
        x, (b, t) = self.embedding(ids), ids.shape
        distances = mt.tensor(-0.3 * abs(np.arange(t)[:, None] - np.arange(t)), dtype=x.dtype)
        for norm1, qkv, out, norm2, gate, up, down in self.layers:
            q, k, v = (h.view(b, t, self.nhead, -1).transpose(1, 2) for h in qkv(norm1(x)).chunk(3, -1))
            heads = F.scaled_dot_product_attention(
                self.rotary(q), self.rotary(k), v, distances, is_causal=True
            )
            x = x + out(heads.transpose(1, 2).flatten(-2))
            h = norm2(x)
            x = x + down(F.silu(gate(h)) * up(h))
        return self.head(x)


def encoder_decoder(seed=0, **options):
    return randomize(EncoderDecoder(**options), seed)


def gated(seed=0, **options):
    return randomize(Gated(**options), seed)


MODELS = {
    "language model": language_model,
    "classifier": classifier,
    "encoder-decoder": encoder_decoder,
    "gated": gated,
}
