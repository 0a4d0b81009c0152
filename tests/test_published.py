"""Published models with their real weights, against the figures of `references/transformers_real.py` on twenty texts."""

import numpy as np
import pytest
import safetensors.numpy
from references.texts import TEXTS
from references.transformers_real import FILE, NEW, PROMPT, cotangent, places

import minitransformer as mt
from minitransformer import explain
from minitransformer.assets import AssetError
from minitransformer.generation import generate
from minitransformer.models import published
from minitransformer.models.bert import NAMES, embed
from minitransformer.models.published import flan_t5, smollm2
from minitransformer.models.published.weights import map_arrays, pieces
from minitransformer.utils.data import pad_sequence


@pytest.fixture
def load():
    """`published.load`, where the packages that read what is published are installed."""
    for package in ("tokenizers", "gguf", "onnx"):
        pytest.importorskip(package)
    return published.load


def figures(name):
    return {
        key.partition(" ")[2]: array for key, array in np.load(FILE).items() if key.startswith(f"{name} ")
    }


def near(got, expected):
    """Equal but for the rounding of float32, which differs from one CPU to another."""
    return abs(got - expected).max() <= 1e-5 * abs(expected).max()


def test_arrays_come_back_and_the_file_stays_as_it_is(tmp_path):
    arrays = {
        "a.weight": np.arange(6).reshape(2, 3),
        "\u00e4": np.array([1, 2]),
        "none": np.zeros((0, 4)),
        "b": np.array(5),
    }
    arrays, path = {name: array.astype("float32") for name, array in arrays.items()}, tmp_path / "weights"
    path.write_bytes(b"".join(pieces(arrays)))
    assert path.read_bytes() == safetensors.numpy.save(arrays)
    found = map_arrays(path)
    assert {n: (a.dtype, a.shape, a.tolist()) for n, a in found.items()} == {
        n: (a.dtype, a.shape, a.tolist()) for n, a in arrays.items()
    }
    found["a.weight"][:] = 7
    assert np.array_equal(map_arrays(path)["a.weight"], arrays["a.weight"])


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "weights"
    content = b"".join(pieces({"a": np.ones(100, "float32")}))
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


@pytest.mark.network
def test_minilm_gives_the_vectors_of_sentence_transformers(load):
    model, tokenizer = load("minilm")
    vectors, expected = embed(model, tokenizer, TEXTS), figures("sentences")["vectors"]  # (N, C), of length 1
    assert len(expected) == 20 and ((vectors * expected).sum(1) > 0.99999).all()


@pytest.mark.network
def test_minilm_has_transformers_gradients(load):
    (model, _), figure = load("minilm"), figures("gradients")
    ids = figure.pop("ids")
    hidden = model(mt.tensor(ids)) * mt.tensor((ids != 0)[..., None].astype("float32"))  # (B, T, C)
    hidden.backward(mt.tensor(cotangent(hidden.shape)))
    largest, expected = figure.pop("largest"), {}
    for name, array in map_arrays(published.prepare("minilm") / "model.safetensors").items():
        if name in figure:
            expected[name] = np.full(array.shape, np.nan, "float32")  # of entries that were not kept
            np.put(expected[name], places(name, array.size), figure[name])
    assert len(expected) == len(figure)
    for name, g in NAMES.read(model, expected).items():
        kept = ~np.isnan(g)
        found = dict(model.named_parameters())[name].grad.numpy()
        assert kept.sum() >= min(g.size, 32) and abs(found - g)[kept].max() <= 1e-5 * largest, name


@pytest.fixture
def writer(load):
    return load("smollm2")


@pytest.mark.network
def test_smollm2_gives_transformers_logits(writer):
    (model, tokenizer), expected = writer, figures("smollm2")
    ids = [tokenizer.encode(text) for text in TEXTS]
    assert np.concatenate(ids).tolist() == expected["ids"].tolist()
    with mt.no_grad():
        # (B, T, V) each
        batches = [model(pad_sequence(ids[i : i + 5], True)).numpy() for i in range(0, len(ids), 5)]
    logits = [
        rows[: len(row)] for rows, row in zip((rows for batch in batches for rows in batch), ids, strict=True)
    ]
    assert np.array_equal(np.concatenate(logits).argmax(-1), expected["best"])
    assert near(np.concatenate(logits).max(-1), expected["largest"])
    assert near(np.stack([rows[-1, ::499] for rows in logits]), expected["last"])


@pytest.mark.network
@pytest.mark.parametrize("use_cache", [True, False])
def test_smollm2_writes_transformers_tokens(writer, use_cache):
    model, tokenizer = writer
    written = generate(model, tokenizer.encode(PROMPT), NEW, temperature=0, use_cache=use_cache)
    assert written == figures("smollm2")["written"].tolist()


@pytest.mark.network
def test_flan_t5_gives_transformers_logits(load):
    (model, tokenizer), expected = load("flan-t5"), figures("flan-t5")
    ids = [tokenizer.encode(text) for text in TEXTS]
    assert [row[row != 0].tolist() for row in expected["ids"]] == ids
    with mt.no_grad():
        logits = model(mt.tensor(expected["ids"]), mt.tensor(expected["answer"])).numpy()  # (B, 2, V)
    assert np.array_equal(logits.argmax(-1), expected["best"])
    assert near(logits.max(-1), expected["largest"])
    assert near(logits[..., ::99], expected["some"])


@pytest.mark.network
def test_flan_t5_translates(load):
    model, tokenizer = load("flan-t5")
    asked = mt.tensor([tokenizer.encode("translate English to German: The house is wonderful.")])
    written = generate(model.answer(asked), [0], 20, temperature=0, stop_id=tokenizer.end_id)
    assert tokenizer.decode(written) == "Das Haus ist wunderbar."


def test_rows_go_back_to_halves():
    rows = np.array([[0], [1], [2], [3], [10], [11], [12], [13]])  # two heads of two pairs each
    assert smollm2.halves(rows, 2).ravel().tolist() == [0, 2, 1, 3, 10, 12, 11, 13]


def test_names_of_a_gguf_file():
    assert smollm2.published_name("blk.3.attn_q.weight") == "model.layers.3.self_attn.q_proj.weight"
    assert smollm2.published_name("token_embd.weight") == "model.embed_tokens.weight"


def test_turns_of_a_conversation():
    expected = (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    assert smollm2.chat_prompt([("user", "Hi")], "Be brief.") == expected


def test_integers_become_numbers():
    stored = {
        "w_quantized": np.array([[3, 5]], "uint8"),
        "w_zero_point": np.array(4, "uint8"),
        "w_scale": np.array(0.5, "f4"),
    }
    assert flan_t5.dequantized(stored, "w").tolist() == [[-0.5, 0.5]]
    assert (
        flan_t5.published_name("m.decoder.norm.weight") == "decoder.norm.weight"
        and flan_t5.published_name("onnx::7") is None
    )


@pytest.mark.network
def test_why_paris(writer):
    model, tokenizer = writer
    text = "The capital of France is"
    e = explain.lrp(model, tokenizer.encode(text), tokens=tokenizer.tokens(text))
    assert tokenizer.decode(e.target) == " Paris"
    assert abs(e.ledger.gap) <= 1e-4 * e.ledger.scale
    rather = explain.lrp(model, tokenizer.encode(text), target=tuple(tokenizer.encode(" Paris Rome")))
    # of all but the token it writes after
    assert tokenizer.tokens(text)[rather.relevance[:-1].argmax()] == " France"


@pytest.mark.network
def test_the_ledger_of_64_tokens_closes(writer):
    model, tokenizer = writer
    e = explain.lrp(model, tokenizer.encode(" ".join(TEXTS))[:64])
    assert e.relevance.shape == (64,) and abs(e.ledger.gap) <= 1e-4 * e.ledger.scale


@pytest.mark.network
def test_why_haus(load):
    model, tokenizer = load("flan-t5")
    text = "translate English to German: The house is wonderful."
    source, begun = tokenizer.encode(text), [0, *tokenizer.encode("Das", marks=False)]
    e = explain.lrp_answer(model, source, begun, tokens=[*tokenizer.tokens(text), "", "Das"])
    assert tokenizer.decode(e.target) == "Haus" and abs(e.ledger.gap) <= 1e-4 * e.ledger.scale
    assert {e.tokens[i] for i in e.relevance[: len(source)].argsort()[-2:]} == {" German", " house"}
