"""The article's listing, run once with PyTorch and once with minitransformer: only the import lines differ.

The article leaves out `import math` and the positional encoding; both are supplied, the latter as a module with a
buffer `pe` that is filled in place, the way it is usually written for PyTorch.
"""

import warnings

import numpy
from later import torch

import minitransformer as mt
from minitransformer.gradients import largest_error

LISTING = """
import math
import torch
import torch.nn as nn
import torch.nn.functional as F


class PositionalEncoding(nn.Module):
   def __init__(self, d_model, dropout=0.1, max_len=100):
       super().__init__()
       self.dropout = nn.Dropout(dropout)
       angles = torch.arange(max_len).unsqueeze(1) / 10000 ** (torch.arange(0, d_model, 2) / d_model)
       table = torch.empty(max_len, 1, d_model)
       table[:, 0, 0::2] = torch.sin(angles)
       table[:, 0, 1::2] = torch.cos(angles)
       self.register_buffer('pe', table)

   def forward(self, x):
       return self.dropout(x + self.pe[:len(x)])


class TransformerModel(nn.Module):
   def __init__(self, ntoken, ninp, nhead, nhid, nlayers, dropout=0.5):
       super(TransformerModel, self).__init__()
       from torch.nn import TransformerEncoder, TransformerEncoderLayer
       self.model_type = 'Transformer'
       self.src_mask = None
       self.pos_encoder = PositionalEncoding(ninp, dropout)
       encoder_layers = TransformerEncoderLayer(ninp, nhead, nhid, dropout)
       self.transformer_encoder = TransformerEncoder(encoder_layers, nlayers)
       self.encoder = nn.Embedding(ntoken, ninp)
       self.ninp = ninp
       self.decoder = nn.Linear(ninp, ntoken)

       self.init_weights()

   def _generate_square_subsequent_mask(self, sz):
       mask = (torch.triu(torch.ones(sz, sz)) == 1).transpose(0, 1)
       mask = mask.float().masked_fill(mask == 0, float('-inf')).masked_fill(mask == 1, float(0.0))
       return mask

   def init_weights(self):
       initrange = 0.1
       self.encoder.weight.data.uniform_(-initrange, initrange)
       self.decoder.bias.data.zero_()
       self.decoder.weight.data.uniform_(-initrange, initrange)

   def forward(self, src):
       if self.src_mask is None or self.src_mask.size(0) != len(src):
           device = src.device
           mask = self._generate_square_subsequent_mask(len(src)).to(device)
           self.src_mask = mask

       src = self.encoder(src) * math.sqrt(self.ninp)
       src = self.pos_encoder(src)
       output = self.transformer_encoder(src, self.src_mask)
       output = self.decoder(output)
       return output
"""

IMPORTS = {
    "import torch\n": "import minitransformer as torch\n",
    "import torch.nn as nn\n": "import minitransformer.nn as nn\n",
    "import torch.nn.functional as F\n": "import minitransformer.nn.functional as F\n",
    "from torch.nn import TransformerEncoder,": "from minitransformer.nn import TransformerEncoder,",
}
NTOKEN = 23
SIZES = {"ninp": 16, "nhead": 4, "nhid": 24, "nlayers": 2}


def listing(package: str) -> str:
    """The source, with the imports of "torch" or of "minitransformer"."""
    source = LISTING
    for theirs, ours in IMPORTS.items() if package == "minitransformer" else ():
        source = source.replace(theirs, ours)
    return source


def article(package: str) -> dict:
    """The names that the listing defines with this package."""
    names = {"__name__": f"article_{package}"}
    exec(listing(package), names)
    return names


def article_models(dtype: str = "float64", dropout: float = 0.0):
    """(ours, PyTorch's): the article's model with the same weights in `dtype`; no two entries alike, no bias zero."""
    ours, theirs = (article(package)["TransformerModel"] for package in ("minitransformer", "torch"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch advises batch_first for its fast path
        theirs = theirs(NTOKEN, **SIZES, dropout=dropout).to(getattr(torch, dtype))
    random = numpy.random.default_rng(0)
    with torch.no_grad():
        for p in theirs.parameters():
            p += torch.tensor(random.normal(0, 0.1, tuple(p.shape)))
    ours = ours(NTOKEN, **SIZES, dropout=dropout).to(dtype)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def article_batch(length: int = 11, batch: int = 3, seed: int = 0):
    """Token ids and their successors, (T, B) each, as NumPy arrays."""
    text = numpy.random.default_rng(seed).integers(0, NTOKEN, (length + 1, batch))
    return text[:-1], text[1:]


def loss_of(package, model, ids, targets):
    """The mean cross-entropy of all next tokens. `package` is torch or minitransformer."""
    logits = model(package.tensor(ids))  # (T, B, V)
    return package.nn.functional.cross_entropy(logits.view(-1, NTOKEN), package.tensor(targets).view(-1))


def gradient_errors(ours, theirs) -> dict[str, float]:
    """The largest error of each parameter's gradient, relative to the largest entry of all gradients."""
    expected = {name: p.grad.numpy() for name, p in theirs.named_parameters()}
    scale = max(abs(g).max() for g in expected.values())
    return {name: largest_error(p.grad.numpy(), expected[name], scale) for name, p in ours.named_parameters()}


def run(dtype: str = "float64"):
    """Logits, losses and both models after backward, from one batch."""
    ours, theirs = article_models(dtype)
    ids, targets = article_batch()
    losses = loss_of(mt, ours, ids, targets), loss_of(torch, theirs, ids, targets)
    for loss in losses:
        loss.backward()
    logits = ours(mt.tensor(ids)).numpy(), theirs(torch.tensor(ids)).detach().numpy()
    return logits, losses, (ours, theirs)
