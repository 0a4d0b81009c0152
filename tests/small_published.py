"""Stand-ins for the published models: of the same families, a few thousand numbers each, with nothing to download."""

from minitransformer.models import T5, Bert, Llama, T5Config
from minitransformer.models.bert import BertConfig
from minitransformer.models.llama import LlamaConfig
from minitransformer.tokenization import BPETokenizer, WordPieceTokenizer, WordTokenizer

TEXT = "the cat sat on the mat . translate English to German : a house is wonderful [ ] / b x"


def small(name, progress=None):
    """The model and tokenizer that stand in for a published one; a drop-in for `published.load`."""
    tokenizer = {"minilm": WordPieceTokenizer, "smollm2": BPETokenizer, "flan-t5": WordTokenizer}[name].train(
        TEXT
    )
    vocab = tokenizer.vocab_size
    if name == "minilm":
        return Bert(BertConfig(vocab, 8, 1, 2, 16)).eval(), tokenizer
    if name == "smollm2":
        return Llama(LlamaConfig(vocab, 8, 16, 1, 2, 1)).eval(), tokenizer
    return T5(T5Config(vocab, 8, 4, 16, 1, 1, 2)).eval(), tokenizer
