"""GGUF files: a Llama in every common form of rounding is what its numbers say, with its vocabulary and its chat template."""

import json

import numpy as np
import pytest

import minitransformer as mt
from minitransformer.files import FileError
from minitransformer.generation import generate
from minitransformer.models.folder.gguf_names import LAYER, TOP
from minitransformer.models.llama import LM_NAMES, Llama, LlamaConfig

gguf = pytest.importorskip("gguf", reason="the gguf package writes the files here")
pytest.importorskip("tokenizers")

PIECES = [
    "<unk>",
    "<s>",
    "</s>",
    *(f"<0x{i:02X}>" for i in range(256)),
    "\u2581",
    "a",
    "b",
    "c",
    "ab",
    "\u2581ab",
    "abc",
]
CONFIG = LlamaConfig(len(PIECES), 256, 256, 1, 4, 2, 64, 1e-5, 500.0, tie_word_embeddings=False)
IDS = [[1, 259, 260, 7, 3]]
PLAIN = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"]
PATTERNS = {
    "Q4_K": (144, slice(0, 4)),
    "Q6_K": (210, slice(208, 210)),
}  # form -> bytes of a block, and which are its scales


def theirs(name):
    """The name in the file of an array with a published name."""
    back = {ours: part for part, ours in {**LAYER, **TOP}.items()}
    if name.startswith("model.layers."):
        _, _, number, part = name.split(".", 3)
        part, _, kind = part.rpartition(".")
        return f"blk.{number}.{back[part]}.{kind}"
    return f"{back[name.removesuffix('.weight')]}.weight"


def neighbours(weight, heads):
    """The rows in the order of a GGUF file: halves that rotate together become neighbours."""
    return weight.reshape(heads, 2, -1, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def blocks(shape, kind):
    """Random numbers in a form that the package only reads."""
    size, scales = PATTERNS[kind]
    raw = np.random.default_rng(0).integers(0, 256, (shape[0], shape[1] // 256, size), dtype=np.uint8)
    raw[..., scales] = np.frombuffer(np.float16([0.01] * 2).tobytes(), np.uint8)[: raw[..., scales].shape[-1]]
    return raw.reshape(shape[0], -1)


def written(path, kind="F32", leave=(), **told):
    """Write a small Llama; the arrays as they were rounded, by published name."""
    mt.manual_seed(0)
    model = Llama(CONFIG)
    writer = gguf.GGUFWriter(path, told.pop("architecture", "llama"))
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(256)
    writer.add_feed_forward_length(256)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(500.0)
    writer.add_rope_dimension_count(told.pop("turning", 64))
    writer.add_tokenizer_model(told.pop("form", "llama"))
    writer.add_token_list(PIECES)
    writer.add_token_scores([0.0] * 259 + [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0])
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * 7)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template("{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}")
    for name, value in told.items():
        writer.add_uint32(f"llama.{name}", value)
    arrays, form = {}, gguf.GGMLQuantizationType[kind]
    for name, array in LM_NAMES.write(model).items():
        part = name.split(".")[-2]
        heads = {"q_proj": 4, "k_proj": 2}.get(part)
        if array.ndim < 2:
            data, own = array, gguf.GGMLQuantizationType.F32
        else:
            turned = array if heads is None else neighbours(array, heads)
            data, own = blocks(array.shape, kind) if kind in PATTERNS else gguf.quantize(turned, form), form
        if name not in leave:
            writer.add_tensor(theirs(name), data, raw_dtype=own)
        array = gguf.dequantize(data, own)
        if heads is not None:
            array = array.reshape(heads, -1, 2, 256).swapaxes(1, 2).reshape(array.shape)
        arrays[name] = array
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return arrays


@pytest.mark.parametrize("kind", [*PLAIN, *PATTERNS])
def test_every_form_of_rounding(kind, tmp_path):
    arrays = written(tmp_path / "model.gguf", kind)
    model, tokenizer = mt.models.from_folder(tmp_path / "model.gguf")
    expected = Llama(model.config).eval()
    expected.load_state_dict(LM_NAMES.read(expected, arrays))
    assert (model.config.rms_norm_eps, model.config.rope_theta) == (1e-5, 500.0) and not model.training
    got, right = model(mt.tensor(IDS)).numpy(), expected(mt.tensor(IDS)).numpy()
    assert np.array_equal(got, right) and np.isfinite(right).all() and right.std() > 0
    assert generate(model, IDS[0], 4, temperature=0) == generate(expected, IDS[0], 4, temperature=0)


def test_the_vocabulary_and_the_template(tmp_path):
    written(tmp_path / "model.gguf")
    _, tokenizer = mt.models.from_folder(tmp_path / "model.gguf")
    assert [PIECES[i] for i in tokenizer.encode("ab abc")] == ["<s>", "\u2581ab", "\u2581ab", "c"]
    assert [PIECES[i] for i in tokenizer.encode("é", marks=False)] == ["\u2581", "<0xC3>", "<0xA9>"]
    assert tokenizer.decode(tokenizer.encode("ab é c")) == "ab é c" and tokenizer.end_id == 2
    assert tokenizer.chat([{"role": "user", "content": "abc"}]) == "<s>abc"


def test_a_gguf_file_becomes_a_folder(tmp_path):
    written(tmp_path / "model.gguf", "Q8_0")
    model, tokenizer = mt.models.from_folder(tmp_path / "model.gguf")
    model.save_folder(tmp_path / "folder", tokenizer)
    again, same = mt.models.from_folder(tmp_path / "folder")
    assert np.array_equal(again(mt.tensor(IDS)).numpy(), model(mt.tensor(IDS)).numpy())
    assert same.encode("ab abc") == tokenizer.encode("ab abc") and same.end_id == tokenizer.end_id
    assert json.loads((tmp_path / "folder" / "config.json").read_text())["rope_theta"] == 500.0


@pytest.mark.parametrize(
    "options, complaint",
    [
        ({"architecture": "gemma"}, "general.architecture: 'gemma' is not computed here"),
        ({"turning": 32}, "rope.dimension_count: expected 64"),
        ({"expert_count": 8}, "llama.expert_count=8 is not computed here"),
        ({"new_setting": 1}, "llama.new_setting=1 is not computed here"),
        ({"form": "t5"}, "tokenizer.ggml.model: 't5' is not read here"),
        ({"leave": ("model.norm.weight",)}, "expected also model.norm.weight"),
    ],
)
def test_what_is_not_computed_is_refused_by_name(options, complaint, tmp_path):
    written(tmp_path / "model.gguf", **options)
    with pytest.raises(FileError, match=complaint):
        mt.models.from_folder(tmp_path / "model.gguf")
