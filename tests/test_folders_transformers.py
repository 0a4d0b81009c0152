"""Folders that transformers writes, with tiny models of random weights: our outputs are theirs."""

import re

import numpy as np
import pytest
from later import torch

import minitransformer as mt
from minitransformer.models.folder.families import FAMILIES

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers", reason="transformers is the judge here, and no dependency")

IDS = np.array([[3, 0, 5, 7, 11], [4, 9, 2, 0, 0]])  # among real tokens too there is the id of padding
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
ENCODER = {
    "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20,
    "max_position_embeddings": 24,
}  # fmt: skip
DECODER = ENCODER | {"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0}
SIZES = {  # beginning of a published class's name -> the sizes of a tiny one
    **dict.fromkeys(["Bert", "Roberta"], ENCODER),
    "DistilBert": {
        "vocab_size": 40, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 20, "max_position_embeddings": 24,
    },
    "T5": {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 20, "num_layers": 2, "num_heads": 2, "pad_token_id": 0},
    "ViT": {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 20, "image_size": 8,
        "patch_size": 4,
    },
    "GPT2": {"vocab_size": 40, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 24, "pad_token_id": 0},
    **dict.fromkeys(["Llama", "Mistral", "Qwen2", "Qwen3"], DECODER),
}  # fmt: skip
OTHER = ("T5", "ViT")  # they read more than ids
TEXTS = [name for name in FAMILIES if not name.startswith(OTHER)]


@pytest.fixture(params=FAMILIES)
def case(request, tmp_path):
    """(their model with large random weights, the folder that it was saved to)."""
    sizes = next(
        sizes for family, sizes in SIZES.items() if re.match(rf"{family}(Model|For|LM|Enc)", request.param)
    )
    labels = {"num_labels": 3} if request.param.endswith("Classification") else {}
    kind = getattr(transformers, request.param)
    torch.manual_seed(0)
    model = kind(kind.config_class(**sizes, **labels)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * 0.5)
    model.save_pretrained(tmp_path)
    return model, tmp_path


def outputs_of(model, lib, **mask):
    """The outputs for `IDS`, as arrays, of either library."""
    with lib.no_grad():
        found = model(lib.tensor(IDS), **{name: lib.tensor(value) for name, value in mask.items()})
    if isinstance(found, tuple):  # ours, of two ends
        return [t.numpy() for t in found]
    if isinstance(found, mt.Tensor):
        return [found.numpy()]
    names = ("logits", "start_logits", "end_logits")
    told = [found[name].numpy() for name in names if name in found]
    return told or [found["last_hidden_state"].numpy()]


@pytest.mark.parametrize("case", TEXTS, indirect=True)
@pytest.mark.parametrize("mask", [{}, {"attention_mask": MASK}], ids=["whole", "padded"])
def test_outputs_are_theirs(case, mask):
    theirs, folder = case
    ours, _ = mt.models.from_folder(folder)
    assert not ours.training
    real = MASK.astype(bool) if mask else np.ones_like(MASK, bool)
    for got, expected in zip(outputs_of(ours, mt, **mask), outputs_of(theirs, torch, **mask), strict=True):
        assert got.shape == expected.shape
        if got.shape[:2] == real.shape:  # of each token: what padding gives is nobody's
            got, expected = got[real], expected[real]
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * abs(expected).max())


def test_what_is_written_is_what_was_read(case, tmp_path):
    theirs, folder = case
    ours, _ = mt.models.from_folder(folder)
    ours.save_folder(tmp_path / "again")
    assert (tmp_path / "again/config.json").read_bytes() == (folder / "config.json").read_bytes()
    assert (tmp_path / "again/model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    again, told = type(theirs).from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    assert all(torch.equal(p, q) for p, q in zip(theirs.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("scaled", [True, False])
@pytest.mark.parametrize("tied", [True, False, None])
def test_a_head_that_the_file_leaves_out_is_written_once_it_has_learned(tied, scaled, tmp_path):
    said = {"scale_decoder_outputs": scaled} | ({} if tied is None else {"tie_word_embeddings": tied})
    kind = transformers.T5ForConditionalGeneration
    theirs = kind(transformers.T5Config(**SIZES["T5"], **said))
    theirs.save_pretrained(tmp_path / "theirs")
    ours, _ = mt.models.from_folder(tmp_path / "theirs")
    ours.save_folder(tmp_path / "again")
    files = [tmp_path / folder / "model.safetensors" for folder in ("theirs", "again")]
    assert files[0].read_bytes() == files[1].read_bytes()
    with mt.no_grad():
        ours.lm_head.weight.mul_(2)
    ours.save_folder(tmp_path / "learned")
    again = mt.models.from_folder(tmp_path / "learned")[0]
    assert (again.lm_head.weight is again.shared.weight) == scaled
    for p, q in ((again.lm_head, ours.lm_head), (again.shared, ours.shared)):
        assert (p.weight == q.weight).all()


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_every_dtype_comes_back(case, kind, tmp_path):
    theirs, folder = case
    theirs.to(getattr(torch, kind)).save_pretrained(folder)
    dtype = mt.float64 if kind == "float64" else mt.float32
    ours, _ = mt.models.from_folder(folder, dtype)
    assert {p.dtype for p in ours.parameters()} == {dtype}
    if not type(theirs).__name__.startswith(OTHER):
        same = type(theirs).from_pretrained(folder, dtype=torch.float32)
        got, expected = outputs_of(ours, mt)[0], outputs_of(same, torch)[0]
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * abs(expected).max())
    ours.save_folder(tmp_path / "again")
    assert (tmp_path / "again/model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_shards_are_read_as_one(case, tmp_path):
    theirs, folder = case
    theirs.save_pretrained(tmp_path / "shards", max_shard_size="5KB")
    assert len(list((tmp_path / "shards").glob("*.safetensors"))) > 1
    one, many = (mt.models.from_folder(f)[0].state_dict() for f in (folder, tmp_path / "shards"))
    assert one.keys() == many.keys() and all(np.array_equal(one[n].numpy(), many[n].numpy()) for n in one)


# a published class for each kind of configuration
EACH = ["BertForMaskedLM", "RobertaForMaskedLM", "DistilBertForMaskedLM", "GPT2LMHeadModel"] + [
    f"{family}ForCausalLM" for family in ("Llama", "Qwen2", "Qwen3", "Mistral")
]
OTHERS = {  # what a key may say instead, where that is no number and no truth
    **dict.fromkeys(["hidden_act", "activation", "activation_function"], ["gelu", "relu", "silu", "gelu_new", "mish"]),
    "model_type": ["electra"], "rope_parameters": [
        {"rope_type": "linear", "factor": 2.0, "rope_theta": 100.0}, {"rope_type": "default", "rope_theta": 50.0},
        {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 50.0}, {"rope_type": "yarn", "factor": 2.0, "rope_theta": 50.0},
    ],
}  # fmt: skip


def others(key, value):
    if key in OTHERS:
        return OTHERS[key]
    if isinstance(value, bool):
        return [not value]
    return [value * 2, value + 1] if isinstance(value, (int, float)) else []


def tiny(name, folder, **changes):
    """Their model with large random weights, of another configuration, saved; None if there is no such model."""
    sizes = next(sizes for family, sizes in SIZES.items() if re.match(rf"{family}(Model|For|LM|Enc)", name))
    kind = getattr(transformers, name)
    torch.manual_seed(0)
    try:
        model = kind(kind.config_class(**sizes | changes)).eval()
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(torch.randn_like(p) * 0.5)
            model.save_pretrained(folder)
            return model, outputs_of(model, torch)[0]
    except Exception:
        return None


@pytest.mark.parametrize("name", EACH)
def test_every_option_changed_is_computed_or_refused_by_name(name, tmp_path):
    plain, _ = tiny(name, tmp_path / "plain")
    computed, refused = 0, set()
    for key, value in plain.config.to_dict().items():
        for number, other in enumerate(others(key, value)):
            folder = tmp_path / f"{key}{number}"
            if (made := tiny(name, folder, **{key: other})) is None:
                continue
            expected = made[1]
            if key == "model_type":  # which transformers writes as it is
                edited = (folder / "config.json").read_text().replace(f'"{value}"', f'"{other}"')
                (folder / "config.json").write_text(edited)
            try:
                ours, _ = mt.models.from_folder(folder)
            except ValueError as error:
                assert key in str(error), error
                refused.add(key)
                continue
            got = outputs_of(ours, mt)[0]
            scale = abs(expected).max()
            np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * scale, err_msg=f"{key}={other!r}")
            computed += 1
    assert computed > 15 and "model_type" in refused


def test_shards_of_ours_are_read_by_transformers(case, tmp_path):
    theirs, folder = case
    mt.models.from_folder(folder)[0].save_folder(tmp_path / "again", max_shard_size="2KB")
    assert len(list((tmp_path / "again").glob("*.safetensors"))) > 1
    again, told = type(theirs).from_pretrained(tmp_path / "again", output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"]
    assert all(torch.equal(p, q) for p, q in zip(theirs.parameters(), again.parameters(), strict=True))
