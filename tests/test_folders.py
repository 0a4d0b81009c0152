"""Folders of models: what is read, what is refused by name, and how they are written, without transformers."""

import errno
import json
import sys

import numpy as np
import pytest
import safetensors.numpy

import minitransformer as mt
from minitransformer.brain_float import from_bits, to_bits
from minitransformer.files import FileError
from minitransformer.models.folder import writing
from minitransformer.models.folder.families import FAMILIES
from minitransformer.models.folder.model import Origin
from minitransformer.models.folder.names import Names, Turned

CONFIG = {
    "architectures": ["BertForSequenceClassification"], "model_type": "bert", "vocab_size": 20, "hidden_size": 8,
    "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": 16,
    "id2label": {"0": "dull", "1": "fair", "2": "fine"},
}  # fmt: skip
IDS = [[2, 5, 6, 3]]
SHARDS = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


def made(config=CONFIG, kind="F32"):
    """A model as if it came from a folder."""
    family = FAMILIES[config["architectures"][0]]
    mt.manual_seed(0)
    model = family.build(family.config.from_published(config)).eval()
    model.origin = Origin(config["architectures"][0], config, family.names, {"a weight": kind})
    return model


@pytest.fixture
def folder(tmp_path):
    made().save_folder(tmp_path / "model")
    return tmp_path / "model"


def edit(folder, **changes):
    """Change values of config.json; None takes one out."""
    told = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in told.items() if v is not None}))


def weights(folder, change):
    """Change the arrays of the file of weights."""
    arrays = safetensors.numpy.load_file(folder / "model.safetensors")
    safetensors.numpy.save_file(change(arrays), folder / "model.safetensors")


def shard(folder, **places):
    """Cut the weights into two files, and write an index that may lie of some arrays."""
    arrays = safetensors.numpy.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    half = len(arrays) // 2
    index = {}
    for file, names in zip(SHARDS, (sorted(arrays)[:half], sorted(arrays)[half:]), strict=True):
        safetensors.numpy.save_file({name: arrays[name] for name in names}, folder / file)
        index |= dict.fromkeys(names, file)
    index |= {name.replace("__", "."): file for name, file in places.items()}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))


def output(folder, dtype=mt.float32):
    model, _ = mt.models.from_folder(folder, dtype)
    return model(mt.tensor(IDS)).numpy()


def test_what_was_written_is_read(folder):
    expected = made()(mt.tensor(IDS)).numpy()
    model, tokenizer = mt.models.from_folder(folder)
    assert tokenizer is None and not model.training and model.origin.labels == ["dull", "fair", "fine"]
    assert np.array_equal(model(mt.tensor(IDS)).numpy(), expected) and expected.shape == (1, 3)
    assert output(folder, mt.float64).dtype == np.float64
    mask = mt.tensor([[1, 1, 1, 1, 0]])
    padded = model(mt.tensor([[*IDS[0], 9]]), attention_mask=mask).numpy()
    np.testing.assert_allclose(padded, expected, rtol=0, atol=1e-6)


def test_shards_are_read_and_links_are_followed(folder, tmp_path):
    expected = output(folder)
    shard(folder)
    assert np.array_equal(output(folder), expected)
    linked = tmp_path / "snapshot"
    linked.mkdir()
    for number, file in enumerate(folder.iterdir()):
        blob = tmp_path / f"blob{number}"
        file.rename(blob)
        (linked / file.name).symlink_to(blob)
    assert np.array_equal(output(linked), expected)


def test_a_file_of_pytorch_is_read(folder):
    expected = output(folder)
    arrays = safetensors.numpy.load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    mt.save({name: mt.tensor(a) for name, a in arrays.items()}, folder / "pytorch_model.bin")
    assert np.array_equal(output(folder), expected)
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n.")
    with pytest.raises(FileError, match=r"pytorch_model\.bin"):
        mt.models.from_folder(folder)


BREAK = {
    "config.json: auto_map": lambda f: edit(f, auto_map={"AutoModel": "theirs.Model"}),
    "architectures: 'ElectraModel' is not computed here, only BertModel": lambda f: edit(f, architectures=["ElectraModel"]),
    "architectures: None is not computed": lambda f: edit(f, architectures=None),
    "hidden_size: expected int, got '8'": lambda f: edit(f, hidden_size="8"),
    "BertHeadConfig: is_decoder=True": lambda f: edit(f, is_decoder=True),
    "BertHeadConfig: new_key=3 is not known here": lambda f: edit(f, new_key=3),
    "more numbers than the file holds": lambda f: edit(f, hidden_size=2**20, num_attention_heads=1),
    "config.json: .*Infinity": lambda f: edit(f, layer_norm_eps=float("inf")),
    "expected a config.json in it": lambda f: (f / "config.json").unlink(),
    "expected also classifier.weight, classifier.bias, got no such": lambda f: weights(
        f, lambda a: {name: array for name, array in a.items() if "classifier" not in name}
    ),
    "got also bert.encoder.layer.2.x, spy.weight": lambda f: weights(
        f, lambda a: a | {"bert.encoder.layer.2.x": np.ones(1), "spy.weight": np.ones(2)}
    ),
    r"wrong shape: classifier.weight: expected \(3, 8\), got \(2, 8\)": lambda f: weights(
        f, lambda a: a | {"classifier.weight": np.ones((2, 8), "f4")}
    ),
    "no intact safetensors": lambda f: (f / "model.safetensors").write_bytes(b"\x10" + bytes(40)),
    "expected model.safetensors, .* got none": lambda f: (f / "model.safetensors").unlink(),
    r"file in this folder, got '\.\./spy\.safetensors'": lambda f: shard(f, classifier__bias="../spy.safetensors"),
    "file in this folder, got '/etc/passwd'": lambda f: shard(f, classifier__bias="/etc/passwd"),
    r"file in this folder, got 'C:\\\\spy'": lambda f: shard(f, classifier__bias="C:\\spy"),
    "classifier.bias: the index and the file differ": lambda f: shard(f, classifier__bias=SHARDS[0]),
    "00002-of-00002.safetensors: .*No such file": lambda f: (shard(f), (f / SHARDS[1]).unlink()),
    "weight_map": lambda f: (shard(f), (f / "model.safetensors.index.json").write_text("[]")),
    "spiece.model: no intact sentencepiece model": lambda f: (f / "spiece.model").write_bytes(b""),
    "vocab.txt: expected .* in the vocabulary": lambda f: (f / "vocab.txt").write_text("a\nb\n"),
}  # fmt: skip


@pytest.mark.parametrize("told", BREAK)
def test_what_cannot_be_read_is_refused_by_name(told, folder):
    BREAK[told](folder)
    with pytest.raises((FileError, FileNotFoundError), match=told) as refused:
        mt.models.from_folder(folder)
    assert str(folder) in str(refused.value) and "\n" not in str(refused.value)


def test_of_a_shared_matrix_either_name_is_enough(tmp_path):
    config = {
        "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "vocab_size": 20, "n_embd": 8, "n_layer": 1, "n_head": 2,
        "n_positions": 16,
    }  # fmt: skip
    made(config).save_folder(tmp_path / "model")
    expected = output(tmp_path / "model")
    weights(
        tmp_path / "model",
        lambda a: {n.replace("transformer.wte", "lm_head"): array for n, array in a.items()},
    )
    assert np.array_equal(output(tmp_path / "model"), expected)


def test_where_there_is_no_folder_nothing_is_downloaded(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing is downloaded"):
        mt.models.from_folder(tmp_path / "bert-base-uncased")


def test_names_of_2019_and_copies_are_read():
    names = Names(
        {"a.": "LayerNorm.", "b.": Turned("b."), "in_": ("q.", "k.")},
        spare=("mask.*.",),
        repeats={"copy": "q.weight"},
        root="model.",
    )
    module = mt.nn.Module()
    for name, shape in {"a.weight": (2,), "b.weight": (2, 3), "in_weight": (4, 2)}.items():
        part, _, own = name.rpartition(".")
        where = module if not part else module._modules.setdefault(part, mt.nn.Module())
        where.register_parameter(own, mt.nn.Parameter(mt.zeros(*shape)))
    q, k = np.ones((2, 2)), np.full((2, 2), 2.0)
    told = {
        "LayerNorm.gamma": np.arange(2.0),
        "b.weight": np.arange(6.0).reshape(3, 2),
        "q.weight": q,
        "k.weight": k,
    }
    read = names.read(module, told | {"copy": q.copy(), "mask.7.bias": q})
    assert read["a.weight"].tolist() == [0, 1] and read["b.weight"].tolist() == [[0, 2, 4], [1, 3, 5]]
    assert read["in_weight"].tolist() == [[1, 1], [1, 1], [2, 2], [2, 2]]
    module.load_state_dict(read)
    back = names.write(module)
    assert np.array_equal(back["b.weight"], told["b.weight"]) and np.array_equal(back["k.weight"], k)
    with pytest.raises(ValueError, match="expected copy to equal q.weight"):
        names.read(module, told | {"copy": k})
    with pytest.raises(ValueError, match="got also LayerNorm.weight"):
        names.read(module, told | {"LayerNorm.weight": np.ones(2)})


def test_a_folder_that_is_not_empty_is_left_alone(folder):
    model, _ = mt.models.from_folder(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(FileExistsError, match="overwrite=True"):
        model.save_folder(folder)
    with pytest.raises(FileExistsError, match="expected a folder or nothing"):
        model.save_folder(folder / "config.json")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_overwriting_keeps_what_is_no_model(folder):
    (folder / "README.md").write_text("mine")
    (folder / "runs").mkdir()
    (folder / "runs" / "log").write_text("1")
    shard(folder)
    model, _ = mt.models.from_folder(folder)
    model.classifier.bias.data.zero_()
    expected = model(mt.tensor(IDS)).numpy()
    model.save_folder(folder, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "runs",
    ]
    assert (folder / "runs" / "log").read_text() == "1" and np.array_equal(output(folder), expected)
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    with pytest.raises(FileExistsError, match="no model's folder"):
        model.save_folder(folder / "runs", overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_full_disk_loses_nothing(overwrite, folder, monkeypatch):
    model, _ = mt.models.from_folder(folder)
    place = folder if overwrite else folder.parent / "other"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def full(path):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "sync", full)
    with pytest.raises(FileError, match="No space left on device; .* untouched; free some space"):
        model.save_folder(place, overwrite=overwrite)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_a_number_too_large_for_the_files_dtype_is_told(tmp_path):
    model = made(kind="F16")
    model.classifier.bias.data.fill_(1e6)
    with pytest.raises(ValueError, match="classifier.bias: expected numbers that F16 can hold"):
        model.save_folder(tmp_path / "half")
    assert not list(tmp_path.iterdir())


def test_a_model_of_no_folder_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="expected a model that from_folder gave, got Llama"):
        mt.models.Llama(mt.models.LlamaConfig(20, 8, 12, 1, 2, 1, 32)).save_folder(tmp_path / "x")
    with pytest.raises(TypeError, match="expected the tokenizer that from_folder gave"):
        made().save_folder(tmp_path / "x", tokenizer=mt.tokenization.WordTokenizer.train("a b"))


def test_bfloat16_is_the_nearest_number():
    exact = np.array([0.0, -0.0, 1.0, -3.5, 2.0**-126, np.inf, -np.inf], "f4")
    assert np.array_equal(from_bits(to_bits(exact)).view("u4"), exact.view("u4"))
    between = np.array(
        [1 + 2**-8, 1 + 3 * 2**-8, 1 + 2**-8 + 2**-20, 3.4e38], "f4"
    )  # ties go to the even one
    assert from_bits(to_bits(between)).tolist() == [
        1,
        1 + 2**-6,
        1 + 2**-7,
        from_bits(np.uint16([0x7F80]))[0],
    ]
    assert np.isnan(from_bits(to_bits(np.array([0x7F800001, 0xFFFFFFFF], "u4").view("f4")))).all()


@pytest.mark.parametrize("largest, files", [("1KB", 5), (300, 10), (10**9, 1), ("1 KiB", 5)])
def test_weights_above_a_size_are_written_as_shards(folder, tmp_path, largest, files):
    model, _ = mt.models.from_folder(folder)
    model.save_folder(tmp_path / "again", max_shard_size=largest)
    shards = sorted((tmp_path / "again").glob("*.safetensors"))
    most = writing.bytes_of(largest)
    assert len(shards) >= files or files == 1 == len(shards)
    found = {file.name: safetensors.numpy.load_file(file) for file in shards}
    for arrays in found.values():
        assert len(arrays) == 1 or sum(a.nbytes for a in arrays.values()) <= most
    assert np.array_equal(output(tmp_path / "again"), output(folder))
    if files > 1:
        assert shards[1].name == f"model-00002-of-{len(shards):05}.safetensors"
        index = json.loads((tmp_path / "again" / "model.safetensors.index.json").read_text())
        assert index["weight_map"] == {name: file for file, arrays in found.items() for name in arrays}
        assert index["metadata"]["total_size"] == sum(
            a.nbytes for arrays in found.values() for a in arrays.values()
        )
        model.save_folder(tmp_path / "again", overwrite=True)
        assert sorted(p.name for p in (tmp_path / "again").iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("size", ["5 gallons", "0MB", -1, "", 1.5])
def test_a_size_that_is_none_is_refused(folder, tmp_path, size):
    with pytest.raises(ValueError, match="max_shard_size: expected bytes"):
        mt.models.from_folder(folder)[0].save_folder(tmp_path / "again", max_shard_size=size)
    assert not (tmp_path / "again").exists()


def test_bfloat16_of_a_file_of_pytorch_comes_back(tmp_path):
    pytest.importorskip("ml_dtypes")
    made(kind="BF16").save_folder(tmp_path / "model")
    arrays = mt.load(tmp_path / "model" / "model.safetensors")
    assert {str(a.dtype) for a in arrays.values()} == {str(mt.bfloat16)}
    mt.save(arrays, tmp_path / "model" / "pytorch_model.bin")
    before = (tmp_path / "model" / "model.safetensors").read_bytes()
    (tmp_path / "model" / "model.safetensors").unlink()
    model, _ = mt.models.from_folder(tmp_path / "model")
    assert {p.dtype for p in model.parameters()} == {mt.float32}
    model.save_folder(tmp_path / "again")
    assert (tmp_path / "again" / "model.safetensors").read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="about permissions of POSIX")
def test_a_private_model_stays_private(folder, tmp_path):
    model, _ = mt.models.from_folder(folder)
    folder.chmod(0o700)
    (folder / "model.safetensors").chmod(0o600)
    model.save_folder(folder, overwrite=True)
    mt.save(mt.ones(2), tmp_path / "mine.pt")
    usual = (tmp_path / "mine.pt").stat().st_mode & 0o777
    (tmp_path / "mine.pt").chmod(0o600)
    mt.save(mt.zeros(2), tmp_path / "mine.pt")
    paths = (folder, folder / "model.safetensors", tmp_path / "mine.pt")
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o700, 0o600, 0o600]
    (tmp_path / "like others").touch()
    assert usual == (tmp_path / "like others").stat().st_mode & 0o777
