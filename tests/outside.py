"""Tiny files of every format that comes from outside, and how each is read."""

import io
import json
import re
import zipfile

import numpy
import pytest
import safetensors.numpy
from damage import BYTES, HOSTILE, another_format, empty, nest, text_of
from small_run import trainer

import minitransformer as mt
from minitransformer import checkpoint, models
from minitransformer.data import lexicon, movie_reviews
from minitransformer.models import published
from minitransformer.models.bert import BertConfig
from minitransformer.models.folder import gguf_names
from minitransformer.models.llama import LlamaConfig
from minitransformer.models.published import flan_t5, minilm, smollm2
from minitransformer.models.published.weights import pieces
from minitransformer.models.t5 import T5Config
from minitransformer.tokenization import (
    BPETokenizer,
    CharTokenizer,
    PublishedTokenizer,
    WordPieceTokenizer,
    WordTokenizer,
)

TEXT = "the soup was good, the service was not; the other soup was better than the service"
TINY = {
    minilm: BertConfig(40, 8, 2, 2, 16, 16),
    smollm2: LlamaConfig(44, 8, 16, 2, 2, 1, 32),
    flan_t5: T5Config(44, 8, 4, 16, 2, 2, 2),
}


PICKLED = [hurt for hurt in BYTES if hurt not in (empty, another_format)]
SIZES = {
    "d_model": 8, "hidden_size": 8, "n_embd": 8, "nhead": 2, "num_attention_heads": 2, "n_head": 2, "num_heads": 2,
    "num_key_value_heads": 1, "num_layers": 2, "num_hidden_layers": 2, "n_layer": 2, "num_decoder_layers": 2, "d_kv": 4,
    "d_ff": 16, "dim_feedforward": 16, "intermediate_size": 16, "max_len": 16, "n_positions": 16, "max_position_embeddings": 16,
}  # fmt: skip
TOKENIZERS = {
    "classifier": WordTokenizer,
    "language-model": CharTokenizer,
    "bert-masked-lm": WordPieceTokenizer,
}


def tiny(kind):
    """A tiny model of a kind, and its tokenizer."""
    tokenizer = TOKENIZERS.get(kind, BPETokenizer).train(TEXT)
    model, config = models.KINDS[kind]
    sizes = {name: size for name, size in SIZES.items() if name in config.__dataclass_fields__}
    return model(config(vocab_size=tokenizer.vocab_size, **sizes)), tokenizer


def state_of(kind):
    """A checkpoint's state of a tiny model of a kind."""
    model, tokenizer = tiny(kind)
    return {"description": models.describe(model, tokenizer), "model": model.state_dict()}


def facts(model, tokenizer):
    """All that was read, to be compared."""
    arrays = {
        name: (t.numpy().dtype, t.numpy().shape, t.numpy().tobytes())
        for name, t in model.state_dict().items()
    }
    return arrays, tokenizer.to_dict() if tokenizer else None


def load_checkpoint(path):
    return facts(*models.load(path))


# ---- tokenizers ----


def word_piece_json():
    import tokenizers as package

    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *sorted(set(TEXT) - {" "}),
        "the",
        "soup",
        "##s",
        "##o",
    ]
    made = package.Tokenizer(
        package.models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]")
    )
    made.normalizer = package.normalizers.BertNormalizer()
    made.pre_tokenizer = package.pre_tokenizers.BertPreTokenizer()
    marks = [("[CLS]", 2), ("[SEP]", 3)]
    made.post_processor = package.processors.TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]", marks
    )
    made.decoder = package.decoders.WordPiece()
    made.add_special_tokens(pieces[:5])
    made.enable_truncation(8)
    made.enable_padding()
    return made.to_str()


def byte_pair_json():
    pieces = [
        "<|endoftext|>",
        "<|im_start|>",
        "<|im_end|>",
        *sorted(set(TEXT) - {" "}),
        "Ġ",
        "th",
        "the",
        "Ġthe",
    ]
    return smollm2._tokenizer(
        {p: i for i, p in enumerate(pieces)}, [("t", "h"), ("th", "e"), ("Ġ", "the")], pieces[:3]
    )


def unigram_json():
    import tokenizers as package

    known = ["<pad>", "</s>", "<unk>", *sorted(set(TEXT) - {" "}), "▁the", "▁"]
    made = package.Tokenizer(package.models.Unigram([(piece, -len(piece) / 2) for piece in known], 2, False))
    made.normalizer = package.normalizers.Sequence(
        [package.normalizers.NFKC(), package.normalizers.Replace("x", "ks")]
    )
    made.pre_tokenizer, made.decoder = package.pre_tokenizers.Metaspace(), package.decoders.Metaspace()
    made.post_processor = package.processors.TemplateProcessing("$A </s>", "$A </s> $B </s>", [("</s>", 1)])
    made.add_special_tokens(["<pad>", "</s>", "<unk>"])
    return made.to_str()


def load_tokenizer(path):
    """The results of the package for some texts."""
    tokenizer = PublishedTokenizer.from_file(path)
    ids = [tokenizer.encode(text) for text in ("", TEXT, "The \u00e9\u4e2d\U0001f600!")]
    return (
        ids,
        [tokenizer.decode(row) for row in ids],
        tokenizer.tokens(TEXT),
        tokenizer.vocabulary,
        tokenizer.end_id,
    )


def load_vocabulary(path):
    return WordPieceTokenizer.from_file(path).vocabulary


# ---- weights ----


def drawn(shapes, seed=0):
    random = numpy.random.default_rng(seed)
    return {name: random.standard_normal(shape).astype("float32") for name, shape in shapes.items()}


def minilm_file():
    c = TINY[minilm]
    width, inner = c.hidden_size, c.intermediate_size
    tables = {"word": c.vocab_size, "position": c.max_position_embeddings, "token_type": c.type_vocab_size}
    shapes = {f"embeddings.{name}_embeddings.weight": (size, width) for name, size in tables.items()}
    shapes |= {f"embeddings.LayerNorm.{kind}": (width,) for kind in ("weight", "bias")}
    linear = {f"attention.self.{name}": (width, width) for name in ("query", "key", "value")}
    linear |= {
        "attention.output.dense": (width, width),
        "intermediate.dense": (inner, width),
        "output.dense": (width, inner),
    }
    for i in range(c.num_hidden_layers):
        for name, shape in linear.items():
            shapes |= {f"encoder.layer.{i}.{name}.weight": shape, f"encoder.layer.{i}.{name}.bias": shape[:1]}
        for name in ("attention.output", "output"):
            shapes |= {f"encoder.layer.{i}.{name}.LayerNorm.{kind}": (width,) for kind in ("weight", "bias")}
    return b"".join(pieces(drawn(shapes)))


def gguf_file(path):
    """A GGUF file of `TINY`, written by the package."""
    import gguf

    c, names = TINY[smollm2], {ours: theirs for theirs, ours in gguf_names.LAYER.items()}
    description = json.loads(byte_pair_json())
    vocabulary = list(description["model"]["vocab"])
    writer = gguf.GGUFWriter(path, "llama")
    for name, ours in smollm2.SETTINGS.items():
        value = getattr(c, ours)
        (writer.add_uint32 if isinstance(value, int) else writer.add_float32)(name, value)
    writer.add_token_list(vocabulary)
    writer.add_token_types([gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * (len(vocabulary) - 3))
    writer.add_token_merges([" ".join(merge) for merge in description["model"]["merges"]])
    for name, array in drawn(
        {name: tuple(t.shape) for name, t in smollm2.Llama(c).state_dict().items()}
    ).items():
        parts = name.removesuffix(".weight").split(".")
        if parts[1:2] == ["layers"]:
            writer.add_tensor(f"blk.{parts[2]}.{names['.'.join(parts[3:])]}.weight", array)
        elif name != "lm_head.weight":
            top = {ours: theirs for theirs, ours in gguf_names.TOP.items()}
            writer.add_tensor(f"{top['.'.join(parts)]}.weight", array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


PARTS_OF_T5 = {
    "self_attn": "0.SelfAttention", "self_norm": "0.layer_norm", "cross_attn": "1.EncDecAttention", "cross_norm": "1.layer_norm",
    "mlp": "2.DenseReluDense", "mlp_norm": "2.layer_norm",
}  # fmt: skip


def published_t5_name(name):
    """What one of our arrays is called in published weights."""
    name = name.replace("distances.scores", "block.0.layer.0.SelfAttention.relative_attention_bias")
    name = name.replace("coder.norm", "coder.final_layer_norm")
    name = re.sub(
        r"blocks\.(\d+)\.(\w+)", lambda match: f"block.{match[1]}.layer.{PARTS_OF_T5[match[2]]}", name
    )
    return name.replace("layer.2.", "layer.1.") if name.startswith("encoder.") else name


def onnx_models():
    """The encoder's and the decoder's file, as protobuf messages: the matrices of layers are rounded, all else is unchanged."""
    from onnx import helper, numpy_helper

    files = {}
    for file, prefix in (("encoder.onnx", "enc."), ("decoder.onnx", "m.")):
        entries, nodes, shared = [], [], (TINY[flan_t5].vocab_size, TINY[flan_t5].d_model)
        if prefix == "enc.":
            entries.append(
                numpy_helper.from_array(
                    drawn({"shared.weight": shared})["shared.weight"], "enc.embed_tokens.weight"
                )
            )
        for name, shape in {
            n: tuple(t.shape) for n, t in flan_t5.T5(TINY[flan_t5]).state_dict().items()
        }.items():
            if name.startswith("encoder.") is (file == "encoder.onnx"):
                theirs = prefix + published_t5_name(name).removeprefix("encoder.")
                if len(shape) == 2 and ("Attention.q" in theirs or ".wo" in theirs):
                    base, scalar = f"MatMul_{len(nodes)}", lambda value, kind: numpy.array(value, kind)
                    random = numpy.random.default_rng(len(nodes))
                    parts = {
                        "quantized": random.integers(-100, 100, shape[::-1]).astype("int8"),
                        "scale": scalar(0.1, "float32"),
                    }
                    parts["zero_point"] = scalar(3, "int8")
                    entries += [
                        numpy_helper.from_array(array, f"{base}_{part}") for part, array in parts.items()
                    ]
                    node = "/" + theirs.removesuffix(".weight").replace(".", "/") + "/MatMul_quant"
                    nodes.append(
                        helper.make_node(
                            "MatMulInteger", ["x", f"{base}_quantized"], [f"y{len(nodes)}"], name=node
                        )
                    )
                else:
                    entries.append(numpy_helper.from_array(drawn({name: shape})[name], theirs))
        files[file] = helper.make_model(helper.make_graph(nodes, "g", [], [], entries), producer_name="tests")
    return files


def load_converted(path):
    """A published model of which `path` is a file: converted anew."""
    module = {"model.safetensors": minilm, smollm2.FILE: smollm2}.get(path.name, flan_t5)
    made = module.convert(path.parent)
    return {
        name: content if isinstance(content, bytes) else b"".join(content) for name, content in made.items()
    }


def load_mapped(path):
    """A published model whose converted weights are `path`."""
    return facts(*published.load("minilm"))[0]


def state_file(kind="language-model"):
    return checkpoint.pack(state_of(kind))


def torch_file(older=False):
    """What PyTorch writes of weights, views of them and plain values."""
    import torch

    table = torch.arange(6.0).reshape(2, 3)
    state = {
        "weight": table,
        "bias": table[1],
        "turned": table.t(),
        "ids": torch.arange(4),
        "half": table.half(),
    }
    plain = {"epoch": 3, "lr": 0.5, "name": "run", "betas": (0.9, 0.99), "seen": [1, None, True]}
    file = io.BytesIO()
    torch.save(
        {"model": state, "parameter": torch.nn.Parameter(table), **plain},
        file,
        _use_new_zipfile_serialization=not older,
    )
    return file.getvalue()


def load_torch(path):
    """What is read, as values that can be compared; every element is looked at."""

    def plain(value):
        if isinstance(value, mt.Tensor):
            return value.shape, value.dtype.name, value.numel() < 10**4 and value.detach().numpy().tobytes()
        if isinstance(value, dict):
            return [(key, plain(item)) for key, item in value.items()]
        return [plain(item) for item in value] if isinstance(value, (list, tuple)) else repr(value)

    return plain(mt.load(path))


# ---- runs and data sets ----


def run_files(folder):
    """What a run leaves after three steps."""
    trainer(folder, steps=3).run()
    return {"last.safetensors": (folder / "last.safetensors").read_bytes()}


def load_run(path):
    """The state that a run goes on from, and where two more steps lead."""
    run = trainer(path.parent, steps=5)
    run.resume()
    run.directory = None
    try:
        run.run()
    except FloatingPointError as error:  # a number of another run that it does not bear: told in one line
        return str(error)
    return run.losses


RATINGS = (
    "1\t2.25\tA fine &amp; funny film.\n2\t-0.6\tToo tepid\n3\t0.5\tNeutral\n4\t-3\tNo charm, no laughs\n"
)
LEXICON = "good\t1.9\t0.9\t[1, 2]\nso so\t-1\nbad\t-2.5\t0.6\t[-3, -2]\n"


def load_ratings(path):
    """As `movie_reviews` reads what was fetched."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(movie_reviews, "fetch", lambda name: path.parent)
        return movie_reviews.movie_reviews()


def load_lexicon(path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexicon, "fetch", lambda name: path.parent)
        return lexicon.word_ratings()


# ---- damage that knows the format ----


def header(data, random):
    """A safetensors file whose header says something else."""
    length = int.from_bytes(data[:8], "little")
    text = text_of(nest(json.loads(data[8 : 8 + length]), random), random).encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def forged_pickle(data, random):
    """PyTorch's archive whose pickle was changed, with the sums that belong to it."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for member in old.infolist():
            content = old.read(member)
            hurt = member.filename.endswith("data.pkl")
            new.writestr(
                member.filename, PICKLED[random.integers(len(PICKLED))](content, random) if hurt else content
            )
    return file.getvalue()


def forged(data, random):
    """A checkpoint whose skeleton says something else, with the digest that belongs to it."""
    arrays = safetensors.numpy.load(data)
    length = int.from_bytes(data[:8], "little")
    skeleton = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["skeleton"])
    try:
        text = text_of(nest(skeleton, random), random)
        metadata = {
            "minitransformer_checkpoint": checkpoint.VERSION,
            "skeleton": text,
            "sha256": checkpoint._digest(text, arrays),
        }
        return safetensors.numpy.save(arrays, metadata)
    except UnicodeError:  # half a surrogate pair is in no file
        return data


def message(data, random):
    """An ONNX file with something changed in one array or one node."""
    import onnx

    model = onnx.load_from_string(data)
    entries, nodes = model.graph.initializer, model.graph.node
    entry, node = entries[random.integers(len(entries))], nodes[random.integers(len(nodes))]
    change, number = int(random.integers(12)), HOSTILE[random.integers(len(HOSTILE) - 2)]
    if change == 0:
        entry.dims.append(number)
    elif change == 1 and entry.dims:
        entry.dims[random.integers(len(entry.dims))] = number - 2**40
    elif change == 2:
        entry.data_type = int(random.integers(30))
    elif change == 3:
        entry.raw_data = entry.raw_data[: random.integers(len(entry.raw_data) + 1)]
    elif change in (4, 5):
        entry.data_location = onnx.TensorProto.EXTERNAL if change == 4 else entry.data_location
        where = ["/dev/zero", "../../etc/passwd", "decoder.onnx", "", "x" * 5000][random.integers(5)]
        entry.external_data.add(key=["location", "__class__"][random.integers(2)], value=where)
    elif change == 6:
        entry.name = ["", "m.shared.weight", "x\n\x1b[2J", nodes[0].input[1]][random.integers(4)]
    elif change == 7:
        entries.append(entry)
    elif change == 8:
        entries.remove(entry)
    elif change == 9:
        node.input[1] = [node.output[0], nodes[0].input[1], ""][random.integers(3)]
    elif change == 10:
        del node.input[1:]
    else:
        node.name = ["", "/", nodes[0].name, "x/MatMul_quant"][random.integers(4)]
    return model.SerializeToString()
