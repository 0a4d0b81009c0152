"""Every family and head that folders may hold, with every option that is computed: outputs are those of transformers.

In float64 their models are held to 1e-10, once the parts that they compute in float32 whatever the dtype, the RMS norm and the
rotary angles, are replaced by what these say; in float32 they are taken as they are.
"""

import numpy as np
import pytest
from later import torch

import minitransformer as mt
from minitransformer.generation import generate, generate_batch

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers", reason="transformers is the judge here, and no dependency")

IDS = np.array([[3, 14, 15, 9, 2, 6, 5], [8, 9, 7, 5, 0, 0, 0]])  # 0 fills up
ANSWER = np.array([[0, 4, 8, 15], [0, 2, 6, 1]])  # what a decoder has written
LEFT = np.array([IDS[0], np.roll(IDS[1], 3)])
MASKS = {"whole": None, "right": IDS != 0, "left": LEFT != 0}
TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
DECODER = {
    "vocab_size": 20, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "intermediate_size": 20, "max_position_embeddings": 16, "pad_token_id": 0, "num_labels": 3,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 8,
    "rope_theta": 100.0,
}  # fmt: skip
GPT = {
    "vocab_size": 20,
    "n_embd": 12,
    "n_layer": 2,
    "n_head": 3,
    "n_positions": 16,
    "pad_token_id": 0,
    "num_labels": 3,
}
ENCODER = {
    "vocab_size": 20, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20,
    "max_position_embeddings": 16, "pad_token_id": 0, "num_labels": 3,
}  # fmt: skip
DISTILBERT = {
    "vocab_size": 20, "dim": 12, "n_layers": 2, "n_heads": 3, "hidden_dim": 20, "max_position_embeddings": 16, "pad_token_id": 0,
    "num_labels": 3,
}  # fmt: skip
T5 = {
    "vocab_size": 20, "d_model": 12, "d_kv": 5, "d_ff": 20, "num_layers": 2, "num_decoder_layers": 1, "num_heads": 3,
    "relative_attention_num_buckets": 8, "relative_attention_max_distance": 6, "num_labels": 3, "eos_token_id": 5,
    "decoder_start_token_id": 0,
}  # fmt: skip
SLIDES = {"use_sliding_window": True, "sliding_window": 3}
SIZES = {
    "Llama": DECODER,
    "Qwen2": DECODER,
    "Qwen3": DECODER | {"head_dim": 6},
    "Mistral": DECODER,
    "GPT2": GPT,
    "Bert": ENCODER,
    "Roberta": ENCODER,
    "DistilBert": DISTILBERT,
    "T5": T5,
}
HEADS = {
    "SequenceClassification": "For",
    "TokenClassification": "For",
    "QuestionAnswering": "For",
    "Model": "",
}
READERS = ("Bert", "Roberta", "DistilBert")
LANGUAGE = {
    **dict.fromkeys(SIZES, "ForCausalLM"),
    **dict.fromkeys(READERS, "ForMaskedLM"),
    "GPT2": "LMHeadModel",
    "T5": "ForConditionalGeneration",
}
OPTIONS = {  # of the language models
    "Llama": [
        {}, {"tie_word_embeddings": True}, {"head_dim": 6}, {"attention_bias": True}, {"mlp_bias": True}, {"rms_norm_eps": 0.01},
        {"rope_theta": 50.0}, {"rope_scaling": {"type": "linear", "factor": 2.0}}, {"rope_parameters": LLAMA3},
        {"num_key_value_heads": 4}, {"num_key_value_heads": 1},
    ],
    "Qwen2": [
        {}, {"tie_word_embeddings": True}, SLIDES | {"max_window_layers": 1},
        SLIDES | {"layer_types": ["sliding_attention", "full_attention"]}, {"rope_scaling": {"type": "linear", "factor": 2.0}},
    ],
    "Qwen3": [{}, {"attention_bias": True}, {"head_dim": 4}, SLIDES | {"max_window_layers": 1}],
    "Mistral": [{}, {"sliding_window": None}, {"sliding_window": 3}, {"head_dim": 6, "sliding_window": 2}],
    "T5": [
        {}, {"tie_word_embeddings": False}, {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
        {"feed_forward_proj": "gated-gelu"}, {"feed_forward_proj": "gelu"}, {"feed_forward_proj": "gated-silu"},
        {"num_decoder_layers": None}, {"relative_attention_num_buckets": 4},
    ],
    "Bert": [{}, {"hidden_act": "relu"}, {"layer_norm_eps": 0.01}],
    "Roberta": [{}, {"hidden_act": "relu"}, {"pad_token_id": 3}, {"type_vocab_size": 1}],
    "DistilBert": [{}, {"activation": "relu"}, {"activation": "gelu_new"}, {"sinusoidal_pos_embds": True}],
    "GPT2": [
        {}, {"tie_word_embeddings": False}, {"n_inner": 7}, {"layer_norm_epsilon": 0.01},
        *({"activation_function": name} for name in ("gelu", "relu", "silu", "gelu_pytorch_tanh", "tanh")),
    ],
}  # fmt: skip
CASES = {
    "T5EncoderModel": {},
    **{f"{family}{joint}{head}": {} for family in SIZES for head, joint in HEADS.items()},
    **{f"{family}{LANGUAGE[family]} {o}": o for family, options in OPTIONS.items() for o in options},
}  # class, and its options -> the options
WRITE = [case for case in CASES if case.split()[0].endswith(("CausalLM", "LMHeadModel"))]


def their_model(case, dtype):
    """Their model with large random weights; in float64 without a rounding to float32."""
    torch.manual_seed(0)
    made = getattr(transformers, case.split()[0])
    more = {"num_labels": 2} if case.endswith("QuestionAnswering") else {}
    sizes = next(sizes for family, sizes in SIZES.items() if case.startswith(family))
    model = made(made.config_class(**{**sizes, **CASES[case], **more})).to(getattr(torch, dtype)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn_like(p) * 0.4)
    if "'tie_word_embeddings': False" in case:
        output = model.get_output_embeddings()  # that of a T5 is not its own until a file has one
        output.weight = torch.nn.Parameter(torch.randn_like(output.weight) * 0.4)
    if dtype == "float64":
        for module in model.modules():
            unround(module, model.config)
    return model


def unround(module, config):
    """Let an RMS norm compute in float64, and a rotary embedding round its angles as ours does: at the end."""
    if hasattr(module, "variance_epsilon"):

        def norm(x):
            return module.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + module.variance_epsilon)

        module.forward = norm
    if hasattr(module, "inv_freq"):
        frequencies = torch.tensor(exact(config), dtype=torch.float64).repeat(2)

        def turn(x, position_ids):
            angles = position_ids[..., None].double() * frequencies
            return angles.cos().float().to(x.dtype), angles.sin().float().to(x.dtype)

        assert torch.allclose(frequencies, module.inv_freq.double().repeat(2), rtol=1e-6)
        module.forward = turn


def exact(config):
    """The rotary frequencies in float64, pair by pair."""
    said, size = (
        config.rope_parameters,
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
    )
    found = [said["rope_theta"] ** (-2 * i / size) for i in range(size // 2)]
    if said["rope_type"] == "linear":
        return [f / said["factor"] for f in found]
    return [slowed(f, said) for f in found] if said["rope_type"] == "llama3" else found


def slowed(f, said):
    turns = said["original_max_position_embeddings"] * f / (2 * np.pi)
    low, high = said["low_freq_factor"], said["high_freq_factor"]
    if turns <= low:
        return f / said["factor"]
    share = 1.0 if turns >= high else (turns - low) / (high - low)
    return share * f + (1 - share) * f / said["factor"]


def outputs_of(model, lib, *inputs, **options):
    """The outputs as arrays, of either library."""
    tensors = [lib.tensor(a) for a in inputs]
    with lib.no_grad():
        found = model(*tensors, **{name: lib.tensor(a) for name, a in options.items()})
    if isinstance(found, tuple):  # ours, of two ends
        return [t.numpy() for t in found]
    if isinstance(found, mt.Tensor):
        return [found.numpy()]
    told = [found[name].numpy() for name in ("logits", "start_logits", "end_logits") if name in found]
    return told or [found["last_hidden_state"].numpy()]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_outputs_are_theirs(case, dtype, tmp_path):
    theirs = their_model(case, dtype)
    theirs.save_pretrained(tmp_path)
    ours, _ = mt.models.from_folder(tmp_path, dtype=getattr(mt, dtype))
    answers = case.split()[0] in ("T5Model", "T5ForConditionalGeneration")
    given, told = ([ANSWER], {"decoder_input_ids": ANSWER}) if answers else ([], {})
    for side, mask in MASKS.items():
        ids = LEFT if side == "left" else IDS
        if case.startswith("T5") and mask is None:
            ids = np.where(ids == 0, 7, ids)  # without a mask, a T5 of ours takes 0 for padding
        options = {} if mask is None else {"attention_mask": mask.astype(int)}
        shown = np.ones(IDS.shape, bool) if mask is None else mask
        pairs = zip(
            outputs_of(ours, mt, ids, *given, **options),
            outputs_of(theirs, torch, ids, **told, **options),
            strict=True,
        )
        for got, expected in pairs:
            assert got.shape == expected.shape and got.dtype == dtype
            if got.shape[:2] == shown.shape:  # of each token: what padding gives is nobody's
                got, expected = got[shown], expected[shown]
            np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE[dtype] * abs(expected).max())
    ours.save_folder(tmp_path / "again")
    check_same_bits(theirs, tmp_path / "again")


def check_same_bits(theirs, folder):
    """What transformers reads from a folder has the same arrays."""
    again = type(theirs).from_pretrained(folder, dtype="auto").state_dict()
    assert all(torch.equal(value, again[name]) for name, value in theirs.state_dict().items())


@pytest.mark.parametrize("case", WRITE)
def test_greedy_text_is_theirs(case, tmp_path):
    theirs = their_model(case, "float64")
    theirs.save_pretrained(tmp_path)
    ours, _ = mt.models.from_folder(tmp_path, dtype=mt.float64)
    ids, mask = torch.tensor(LEFT), torch.tensor(MASKS["left"].astype(int))
    options = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0, "eos_token_id": 19}
    expected = theirs.generate(ids, attention_mask=mask, **options)[:, ids.shape[1] :].tolist()
    expected = [row[: row.index(19)] if 19 in row else row for row in expected]
    prompts = [IDS[0].tolist(), IDS[1, :4].tolist()]
    assert generate_batch(ours, prompts, 8, temperature=0, stop_id=19) == expected
    for prompt, row in zip(prompts, expected, strict=True):
        assert generate(ours, prompt, 8, temperature=0, stop_id=19) == row


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("T5ForConditional")])
def test_greedy_answers_are_theirs(case, tmp_path):
    theirs = their_model(case, "float64")
    theirs.save_pretrained(tmp_path)
    ours, _ = mt.models.from_folder(tmp_path, dtype=mt.float64)
    options = {"max_new_tokens": 8, "do_sample": False, "decoder_start_token_id": 0, "eos_token_id": 19}
    mask = torch.tensor((IDS != 0).astype(int))
    expected = theirs.generate(torch.tensor(IDS), attention_mask=mask, **options)[:, 1:].tolist()
    expected = [row[: row.index(19)] if 19 in row else row for row in expected]
    assert generate_batch(ours.answer(mt.tensor(IDS)), [[0], [0]], 8, temperature=0, stop_id=19) == expected


VIT = {
    "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 20, "image_size": 8,
    "patch_size": 4, "num_labels": 3,
}  # fmt: skip
PICTURES = {
    "ViTModel": {},
    "ViTForImageClassification": {},
    **{f"ViTForImageClassification {o}": o for o in (
        {"hidden_act": "relu"}, {"num_channels": 1}, {"patch_size": 2}, {"layer_norm_eps": 0.01}, {"num_labels": 1},
    )},
}  # fmt: skip


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", PICTURES)
def test_what_is_seen_is_theirs(case, dtype, tmp_path):
    torch.manual_seed(0)
    sizes = VIT | PICTURES[case]
    theirs = (
        getattr(transformers, case.split()[0])(transformers.ViTConfig(**sizes))
        .to(getattr(torch, dtype))
        .eval()
    )
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.randn_like(p) * 0.4)
    theirs.save_pretrained(tmp_path)
    ours, _ = mt.models.from_folder(tmp_path, dtype=getattr(mt, dtype))
    pixels = np.random.default_rng(0).standard_normal((2, sizes.get("num_channels", 3), 8, 8)).astype(dtype)
    (got,), (expected,) = outputs_of(ours, mt, pixels), outputs_of(theirs, torch, pixels)
    np.testing.assert_allclose(got, expected, rtol=0, atol=TOLERANCE[dtype] * abs(expected).max())
    ours.save_folder(tmp_path / "again")
    check_same_bits(theirs, tmp_path / "again")
    with pytest.raises(ValueError, match="resize the picture"):
        ours(mt.tensor(pixels[..., :4]))


def test_pictures_are_made_numbers_as_theirs_are(tmp_path):
    pytest.importorskip("PIL", reason="Pillow resizes, and is no dependency")
    theirs = transformers.ViTImageProcessorPil(
        size={"height": 8, "width": 8}, resample=3, image_std=[0.2, 0.3, 0.4]
    )
    transformers.ViTModel(transformers.ViTConfig(**VIT)).save_pretrained(tmp_path)
    theirs.save_pretrained(tmp_path)
    model, images = mt.models.from_folder(tmp_path)
    pictures = list(np.random.default_rng(0).integers(0, 256, (2, 17, 23, 3), dtype=np.uint8))
    expected = theirs(pictures, return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(images(pictures), expected, rtol=0, atol=1e-6)
    model.save_folder(tmp_path / "again", images)
    assert mt.models.from_folder(tmp_path / "again")[1] == images
