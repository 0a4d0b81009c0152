"""Files from outside, damaged or forged: each loads equal, or is refused in one line that names it."""

import base64
import collections
import contextlib
import copy
import dataclasses
import json
import multiprocessing
import os
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import numpy
import outside
import pytest
from damage import BYTES, EQUAL, OTHER, REFUSED, nest, outcome, text_of

from minitransformer import checkpoint, models
from minitransformer.checkpoint import CheckpointError
from minitransformer.files import FileError, read_text
from minitransformer.models import published
from minitransformer.models.published import minilm, smollm2
from minitransformer.models.published.weights import WEIGHTS, map_arrays

JSON, RATINGS, LEXICON = "tokenizer.json", "movieReviewSnippets_GroundTruth.txt", "vader_lexicon.txt"
pytestmark = pytest.mark.host("files are read on the host")


def save(state, path):
    """As `checkpoint.save`, without waiting for the disk."""
    path.write_bytes(checkpoint.pack(state))


def refused(path, load=models.load):
    """The one line with which a file is refused."""
    with pytest.raises(CheckpointError) as caught:
        load(path)
    line = str(caught.value)
    assert line.startswith(str(path)) and line.isprintable() and "; " in line
    return line


# ---- every format, damaged in every way ----


def described(data, random):
    """A JSON file that says something else."""
    return text_of(nest(json.loads(data), random), random).encode("utf-8", "surrogatepass")


@dataclasses.dataclass
class Case:
    """A file, the files beside it, how it is read, and how it is damaged; if it has a hash, it must load equal or be refused."""

    name: str
    file: Callable[[Path], dict[str, bytes]]
    load: Callable[[Path], object]
    damage: list = dataclasses.field(default_factory=list)
    hashed: bool = False


def minilm_folder(folder):
    (folder / minilm.FILE).write_bytes(outside.minilm_file())
    return {
        "tokenizer.json": outside.word_piece_json().encode(),
        WEIGHTS: b"".join(minilm.convert(folder)[WEIGHTS]),
    }


def onnx_files(folder):
    return {name: model.SerializeToString() for name, model in outside.onnx_models().items()}


CASES = {
    "checkpoint": Case(
        "c",
        lambda folder: {"c": outside.state_file("t5")},
        outside.load_checkpoint,
        [outside.header],
        hashed=True,
    ),
    "forged checkpoint": Case(
        "c", lambda folder: {"c": outside.state_file()}, outside.load_checkpoint, [outside.forged]
    ),
    "forged run": Case("last.safetensors", outside.run_files, outside.load_run, [outside.forged]),
    "safetensors": Case(
        minilm.FILE,
        lambda folder: {minilm.FILE: outside.minilm_file()},
        outside.load_converted,
        [outside.header],
    ),
    "converted": Case(WEIGHTS, minilm_folder, outside.load_mapped, [outside.header]),
    "PyTorch's archive": Case("m.pt", lambda folder: {"m.pt": outside.torch_file()}, outside.load_torch),
    "its pickle": Case(
        "m.pt", lambda folder: {"m.pt": outside.torch_file()}, outside.load_torch, [outside.forged_pickle]
    ),
    "PyTorch's older file": Case(
        "m.bin", lambda folder: {"m.bin": outside.torch_file(older=True)}, outside.load_torch
    ),
    "gguf": Case(
        smollm2.FILE,
        lambda folder: {smollm2.FILE: outside.gguf_file(folder / smollm2.FILE)},
        outside.load_converted,
    ),
    "onnx encoder": Case("encoder.onnx", onnx_files, outside.load_converted, [outside.message]),
    "onnx decoder": Case("decoder.onnx", onnx_files, outside.load_converted, [outside.message]),
    "word-piece": Case(
        JSON, lambda folder: {JSON: outside.word_piece_json().encode()}, outside.load_tokenizer, [described]
    ),
    "byte-pair": Case(
        JSON, lambda folder: {JSON: outside.byte_pair_json().encode()}, outside.load_tokenizer, [described]
    ),
    "unigram": Case(
        JSON, lambda folder: {JSON: outside.unigram_json().encode()}, outside.load_tokenizer, [described]
    ),
    "vocabulary": Case(
        "vocab.txt", lambda folder: {"vocab.txt": b"[PAD]\n[UNK]\na\n##b\n"}, outside.load_vocabulary
    ),
    "ratings": Case(RATINGS, lambda folder: {RATINGS: outside.RATINGS.encode()}, outside.load_ratings),
    "lexicon": Case(LEXICON, lambda folder: {LEXICON: outside.LEXICON.encode()}, outside.load_lexicon),
}


@contextlib.contextmanager
def tiny(folder):
    """Published models are tiny, and fetched already."""
    with pytest.MonkeyPatch.context() as patch:
        for module, config in outside.TINY.items():
            patch.setattr(module, "CONFIG", config)
        patch.setattr(published, "prepare", lambda name, progress=None: folder)
        yield


def tried(case, count, folder, seed, most=None):
    """What came of `count` kinds of damage, counted. Whatever is neither equal, refused nor a file of its own is raised."""
    random, found = numpy.random.default_rng(seed), collections.Counter()
    with tiny(folder):
        for name, content in case.file(folder).items():
            (folder / name).write_bytes(content)
        path = folder / case.name
        intact, expected = path.read_bytes(), case.load(path)
        assert outcome(case.load, path, expected) == EQUAL
        for i in range(count):
            damage = (
                case.damage[0] if case.damage and i % 2 else BYTES[i // (1 + len(case.damage)) % len(BYTES)]
            )
            path.write_bytes(damage(intact, random))
            try:
                found[outcome(case.load, path, expected, most)] += 1
            except BaseException as error:
                raise AssertionError(
                    f"{case.name}, seed {seed}, damage {i}, {damage.__name__}: {error!r}"
                ) from error
    return found


@pytest.mark.parametrize("case", CASES)
def test_damage_is_refused_in_one_line(case, tmp_path):
    for package in ("tokenizers", "gguf", "onnx"):
        pytest.importorskip(package)
    found = tried(CASES[case], 28, tmp_path, seed=0)
    assert found[REFUSED] > 2 and not (CASES[case].hashed and found[OTHER])


def bounded(case, count, folder, seed):
    """`tried` in a process that has a gigabyte more than it begins with."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2**30,) * 2)
    return tried(CASES[case], count, folder, seed)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")
@pytest.mark.parametrize("case", CASES)
def test_much_damage_is_refused_in_one_line(case, tmp_path):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = pool.apply(bounded, (case, 800, tmp_path, 1))
    print(f"{case}: {dict(found)}")
    assert sum(found.values()) == 800 and not (CASES[case].hashed and found[OTHER])


# ---- checkpoints with a right digest ----


@pytest.mark.parametrize("kind", models.KINDS)
def test_every_setting_of_a_checkpoint_is_held_to_its_arrays(kind, tmp_path):
    path, state = tmp_path / "forged", outside.state_of(kind)
    save(state, path)
    expected, found = outside.load_checkpoint(path), collections.Counter()
    for name, value in state["description"]["config"].items():
        number = type(value) in (int, float)
        for wrong in [[], "x", None] + ([-1, 10**9, 10**30, float("nan"), True] if number else [1]):
            forged = copy.deepcopy(state)
            forged["description"]["config"][name] = wrong
            save(forged, path)
            found[outcome(outside.load_checkpoint, path, expected)] += 1  # a share to drop may be any
    assert found[REFUSED] > 5 * found[EQUAL] and not found[OTHER]


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
    state = outside.state_of("language-model")
    state["description"]["tokenizer"] = tokenizer
    save(state, tmp_path / "forged")
    refused(tmp_path / "forged")


@pytest.mark.parametrize("arrays", [[], None, {"embedding.weight": 5}, {}], ids=str)
def test_a_checkpoint_without_arrays(arrays, tmp_path):
    save(outside.state_of("gpt") | {"model": arrays}, tmp_path / "forged")
    refused(tmp_path / "forged")


# ---- what others' parsers fell to, by public reports ----


def gguf(settings=b"", arrays=b"", counts=(0, 0), version=3):
    return struct.pack("<4sIQQ", b"GGUF", version, *counts) + settings + arrays


def text(word, length=None):
    return struct.pack("<Q", len(word) if length is None else length) + word


def array(name, sizes, kind=0, offset=0):
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)


HEADERS = {
    "more arrays than bytes": gguf(counts=(2**63, 0)),
    "more settings than bytes": gguf(counts=(0, 2**64 - 1)),
    "a name beyond the file": gguf(text(b"x", 2**63), counts=(0, 1)),
    "a text beyond the file": gguf(text(b"x") + struct.pack("<I", 8) + text(b"y", 2**30), counts=(0, 1)),
    "a list beyond the file": gguf(text(b"x") + struct.pack("<IIQ", 9, 0, 2**60) + bytes(99), counts=(0, 1)),
    "a list of lists": gguf(text(b"x") + struct.pack("<IIQIQ", 9, 9, 1, 9, 1) + bytes(99), counts=(0, 1)),
    "alignment 0": gguf(text(b"general.alignment") + struct.pack("<II", 4, 0), counts=(0, 1)),
    "alignment 2^30": gguf(text(b"general.alignment") + struct.pack("<II", 4, 2**30), counts=(0, 1)),
    "dimensions without end": gguf(
        arrays=text(b"x") + struct.pack("<I", 2**32 - 1) + bytes(99), counts=(1, 0)
    ),
    "sizes that overflow": gguf(arrays=array(b"x", (2**62, 4)), counts=(1, 0)),
    "a size of 0": gguf(arrays=array(b"token_embd.weight", (0, 44)) + bytes(99), counts=(1, 0)),
    "an unknown kind": gguf(arrays=array(b"x", (4,), kind=999) + bytes(99), counts=(1, 0)),
    "half a block": gguf(arrays=array(b"x", (5,), kind=3) + bytes(99), counts=(1, 0)),
    "a place beyond the file": gguf(arrays=array(b"x", (4,), offset=2**63) + bytes(99), counts=(1, 0)),
    "a name that stands twice": gguf(arrays=array(b"x", (1,)) * 2 + bytes(99), counts=(2, 0)),
    "the other byte order": gguf(version=3 << 24),
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_forged_gguf_header(header, tmp_path):
    pytest.importorskip("gguf")
    (tmp_path / smollm2.FILE).write_bytes(HEADERS[header])
    with tiny(tmp_path):
        assert outcome(outside.load_converted, tmp_path / smollm2.FILE, None, most=2**21) == REFUSED


def with_part(make, **parts):
    return json.dumps({**json.loads(make()), **parts})


def charsmap(*units, texts=b""):
    content = struct.pack(f"<I{len(units)}I", 4 * len(units), *units) + texts
    return {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(content).decode()}


PANICS = {
    "a merge to no piece": lambda: outside.byte_pair_json().replace('["Ġ","the"]', '["the","Ġthe"]'),
    "a prefix that no piece has": lambda: outside.byte_pair_json().replace(
        'prefix":null', 'prefix":"zzz"', 1
    ),
    "no special token": lambda: outside.word_piece_json().replace(
        '"special_tokens":{"[CLS]"', '"special_tokens":{"[X]"'
    ),
    "pieces of no length": lambda: with_part(
        outside.byte_pair_json, pre_tokenizer={"type": "FixedLength", "length": 0}
    ),
    "no piece for unknown words": lambda: outside.word_piece_json().replace(
        '"unk_token":"[UNK]"', '"unk_token":"[X]"'
    ),
    "an array that is none": lambda: with_part(outside.unigram_json, normalizer=charsmap()),
    "a step out of the array": lambda: with_part(outside.unigram_json, normalizer=charsmap(0xFFFFFFFF)),
    "a leaf to no text": lambda: with_part(
        outside.unigram_json, normalizer=charsmap(0, 1 << 8 | 1, *[0] * 254, texts=b"")
    ),
}


@pytest.mark.parametrize("fault", PANICS)
def test_what_the_tokenizers_package_would_panic_on_is_found_first(fault, tmp_path, capfd):
    pytest.importorskip("tokenizers")
    path = tmp_path / JSON
    path.write_text(PANICS[fault](), encoding="utf-8")
    assert outcome(outside.load_tokenizer, path, None) == REFUSED
    assert "panicked" not in capfd.readouterr().err


def test_an_onnx_file_that_points_to_another(tmp_path):
    onnx = pytest.importorskip("onnx")
    for name, content in onnx_files(tmp_path).items():
        (tmp_path / name).write_bytes(content)
    path = tmp_path / "decoder.onnx"
    model = onnx.load(path)
    entry = model.graph.initializer[0]
    entry.data_location = onnx.TensorProto.EXTERNAL
    entry.external_data.add(key="location", value="../../../../etc/passwd")
    path.write_bytes(model.SerializeToString())
    with tiny(tmp_path), pytest.raises(FileError, match="are stored in another file"):
        outside.load_converted(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for read in (models.load, read_text, outside.load_tokenizer, map_arrays):
        assert outcome(read, tmp_path / "pipe", None) == REFUSED
