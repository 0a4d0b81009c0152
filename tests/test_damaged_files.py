"""Files from outside, damaged or forged: each loads equal, or is refused in one line that names it."""

import copy

import pytest

from minitransformer import checkpoint, models
from minitransformer.checkpoint import CheckpointError
from minitransformer.tokenization import BPETokenizer, CharTokenizer, WordPieceTokenizer, WordTokenizer

TEXT = "the soup was good, the service was not; the other soup was better than the service"


def made(kind):
    """A checkpoint's state of a tiny model of a kind."""
    tokenizer = {"classifier": WordTokenizer, "language-model": CharTokenizer, "bert-masked-lm": WordPieceTokenizer}
    tokenizer = tokenizer.get(kind, BPETokenizer).train(TEXT)
    model_class, config = models.KINDS[kind]
    names = {"d_model": 8, "hidden_size": 8, "n_embd": 8, "nhead": 2, "num_attention_heads": 2, "n_head": 2, "num_heads": 2}
    names |= {"num_layers": 2, "num_hidden_layers": 2, "n_layer": 2, "num_decoder_layers": 2, "d_kv": 4, "d_ff": 16}
    names |= {"dim_feedforward": 16, "intermediate_size": 16, "max_len": 16, "n_positions": 16, "max_position_embeddings": 16}
    sizes = {name: size for name, size in names.items() if name in config.__dataclass_fields__}
    model = model_class(config(vocab_size=tokenizer.vocab_size, **sizes))
    return {"description": models.describe(model, tokenizer), "model": model.state_dict()}


def save(state, path):
    """As `checkpoint.save`, without waiting for the disk."""
    path.write_bytes(checkpoint._pack(state))


def refused(path, load=models.load):
    """The one line with which a file is refused."""
    with pytest.raises(CheckpointError) as caught:
        load(path)
    line = str(caught.value)
    assert line.startswith(str(path)) and line.isprintable() and "; " in line
    return line


@pytest.mark.parametrize("kind", models.KINDS)
def test_every_setting_of_a_checkpoint_is_held_to_its_arrays(kind, tmp_path):
    path, state = tmp_path / "forged", made(kind)
    save(state, path)
    models.load(path, kind)
    for name, value in state["description"]["config"].items():
        number = type(value) in (int, float)
        for wrong in [[], "x", None, {}] + ([-1, 10**9, 10**30, float("nan"), True] if number else [1]):
            forged = copy.deepcopy(state)
            forged["description"]["config"][name] = wrong
            save(forged, path)
            if not (wrong in (10**9, 10**30) and type(value) is float or name in ("relative_attention_max_distance",)):
                refused(path)


WRONG_TOKENIZERS = [
    [], None, "word", {}, {"kind": []}, {"kind": "no such"}, {"kind": "character", "characters": ["a"]},
    {"kind": "character", "characters": "aa"}, {"kind": "word", "words": "ab"}, {"kind": "word", "words": ["a", 1]},
    {"kind": "word", "words": ["a", "a"]}, {"kind": "word-piece", "vocabulary": 5}, {"kind": "byte-pair"},
    {"kind": "byte-pair", "merges": [[1, 2, 3]]}, {"kind": "byte-pair", "merges": [[1, 300]]},
    {"kind": "byte-pair", "merges": [[2, 3], [2, 3]]}, {"kind": "byte-pair", "merges": [[2, -3]]},
    {"kind": "byte-pair", "merges": [["2", 3]]}, {"kind": "byte-pair", "merges": [[257 + n, 257 + n] for n in range(60)]},
    {"kind": "published"}, {"kind": "word", "words": [str(n) for n in range(1000)]},
]  # fmt: skip


@pytest.mark.parametrize("tokenizer", WRONG_TOKENIZERS, ids=lambda d: str(d)[:40])
def test_a_forged_tokenizer(tokenizer, tmp_path):
    state = made("language-model")
    state["description"]["tokenizer"] = tokenizer
    save(state, tmp_path / "forged")
    refused(tmp_path / "forged")


@pytest.mark.parametrize("arrays", [[], None, {"embedding.weight": 5}, {}], ids=str)
def test_a_checkpoint_without_arrays(arrays, tmp_path):
    save(made("gpt") | {"model": arrays}, tmp_path / "forged")
    refused(tmp_path / "forged")
