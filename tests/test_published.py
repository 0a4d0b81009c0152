"""Published models with their real weights, against the figures of `references/transformers_real.py` on twenty texts."""

import numpy as np
import pytest
from references.texts import TEXTS
from references.transformers_real import FILE, NEW, PROMPT

import minitransformer as mt
from minitransformer.assets import AssetError
from minitransformer.generation import generate
from minitransformer.models import published
from minitransformer.models.bert import embed
from minitransformer.models.published.weights import as_bytes, map_arrays


@pytest.fixture
def load():
    """`published.load`, where the packages that read what is published are installed."""
    for package in ("tokenizers", "gguf", "onnx"):
        pytest.importorskip(package)
    return published.load


def figures(name):
    return {key.partition(" ")[2]: array for key, array in np.load(FILE).items() if key.startswith(f"{name} ")}


def test_arrays_come_back_and_the_file_stays_as_it_is(tmp_path):
    arrays = {"a.weight": np.arange(6, dtype="float32").reshape(2, 3), "b": np.array([1, 2]), "none": np.zeros((0, 4))}
    path = tmp_path / "weights"
    path.write_bytes(as_bytes(arrays))
    found = map_arrays(path)
    assert {n: (a.dtype, a.shape, a.tolist()) for n, a in found.items()} == {
        n: (a.dtype, a.shape, a.tolist()) for n, a in arrays.items()
    }
    found["a.weight"][:] = 7
    assert np.array_equal(map_arrays(path)["a.weight"], arrays["a.weight"])


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "weights"
    content = as_bytes({"a": np.ones(100, "float32")})
    for length in (9, len(content) - 4):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="fetch it again"):
            map_arrays(path)


def test_an_unknown_model():
    with pytest.raises(ValueError, match="minilm"):
        published.load("gpt-7")


def test_a_changed_wheel_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("MINITRANSFORMER_ASSETS", str(tmp_path))
    monkeypatch.setenv("MINITRANSFORMER_CACHE", str(tmp_path / "cache"))
    (tmp_path / published.find("minilm").filename).write_bytes(b"PK, but not what was pinned")
    with pytest.raises(AssetError, match="sha256"):
        published.load("minilm")


@pytest.mark.network
def test_minilm_gives_transformers_vectors(load):
    (model, tokenizer), expected = load("minilm"), figures("minilm")
    ids = [tokenizer.encode(text) for text in TEXTS]
    assert [row[row != 0].tolist() for row in expected["ids"]] == ids
    with mt.no_grad():
        hidden = model(mt.tensor(expected["ids"])).numpy() * (expected["ids"] != 0)[..., None]  # (B, T, C)
    assert abs(hidden[:, ::5, ::8] - expected["hidden"]).max() <= 1e-4
    vectors, means = embed(model, tokenizer, TEXTS, batch_size=7), expected["means"]
    assert np.allclose((vectors * means).sum(1), np.linalg.norm(means, axis=1), rtol=1e-5, atol=0)  # cosine 1


@pytest.fixture
def smollm2(load):
    return load("smollm2")


@pytest.mark.network
def test_smollm2_gives_transformers_logits(smollm2):
    (model, tokenizer), expected = smollm2, figures("smollm2")
    ids = [tokenizer.encode(text) for text in TEXTS]
    assert np.concatenate(ids).tolist() == expected["ids"].tolist()
    with mt.no_grad():
        logits = [model(mt.tensor([row])).numpy()[0] for row in ids]  # (T, V) each
    assert np.array_equal(np.concatenate(logits).argmax(-1), expected["best"])
    assert abs(np.concatenate(logits).max(-1) - expected["largest"]).max() <= 1e-4
    assert abs(np.stack([rows[-1, ::499] for rows in logits]) - expected["last"]).max() <= 1e-4


@pytest.mark.network
@pytest.mark.parametrize("use_cache", [True, False])
def test_smollm2_writes_transformers_tokens(smollm2, use_cache):
    model, tokenizer = smollm2
    written = generate(model, tokenizer.encode(PROMPT), NEW, temperature=0, use_cache=use_cache)
    assert written == figures("smollm2")["written"].tolist()
