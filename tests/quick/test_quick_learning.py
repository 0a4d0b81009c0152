"""One tiny model from text to text: it learns a sentence by heart, is saved and loaded, and writes the sentence."""

import pytest

import minitransformer as mt
from minitransformer import models
from minitransformer.generation import generate
from minitransformer.models.language_model import LanguageModel, LanguageModelConfig
from minitransformer.tokenization import BPETokenizer, CharTokenizer, WordTokenizer

TEXT = "the cat sat on a mat"


@pytest.fixture(scope="module")
def tokenizer():
    return CharTokenizer.train(TEXT)


@pytest.fixture
def model(tokenizer):
    sizes = {"d_model": 16, "nhead": 2, "num_layers": 1, "dim_feedforward": 32, "dropout": 0.0}
    return LanguageModel(LanguageModelConfig(vocab_size=tokenizer.vocab_size, max_len=32, **sizes))


def learn(model, ids, steps=80):
    """The loss before and after some steps of AdamW on one sequence (1, T)."""
    optimizer, losses = mt.optim.AdamW(model.parameters(), lr=0.02), []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = mt.nn.functional.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses[0], losses[-1]


def test_a_sentence_is_learnt_saved_loaded_and_written(model, tokenizer, tmp_path):
    before, after = learn(model, mt.tensor([tokenizer.encode(TEXT)]))
    assert before > 2 and after < 0.1
    path, state = tmp_path / "model.safetensors", {"model": model.state_dict()}
    mt.checkpoint.save({"description": models.describe(model, tokenizer), **state}, path)
    loaded, read = models.load(path)
    for name, p in model.state_dict().items():
        assert (p.numpy() == loaded.state_dict()[name].numpy()).all(), name
    written = generate(loaded, read.encode("the "), len(TEXT) - 4, temperature=0)
    assert "the " + read.decode(written) == TEXT


def test_the_cache_changes_nothing(model):
    options = {"temperature": 1.0, "seed": 3}
    assert generate(model, [3, 4], 12, **options) == generate(model, [3, 4], 12, use_cache=False, **options)


@pytest.mark.parametrize("kind", [CharTokenizer, WordTokenizer, BPETokenizer])
def test_a_text_comes_back_from_its_tokens(kind):
    tokenizer = kind.train(TEXT)
    assert tokenizer.decode(tokenizer.encode(TEXT)) == TEXT
