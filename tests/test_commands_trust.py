"""`certify` and `judge`: what they print and return, of models in folders and checkpoints, and what they say of bad files."""

import json
import os
import sys

import numpy as np
import pytest
from lrp_models import randomize

from minitransformer import checkpoint, explain, models
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier
from minitransformer.terminal import Terminal
from minitransformer.tokenization import WordTokenizer

TEXTS = ["good film not bad", "bad bad film", "fine film bad good", "film not fine", "fine not good film"]
TOKENIZER = WordTokenizer.train(TEXTS)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run, with a classifier of random weights."""
    folder = tmp_path_factory.mktemp("run")
    config = ClassifierConfig(
        vocab_size=TOKENIZER.vocab_size, d_model=8, nhead=2, dim_feedforward=12, num_layers=1
    )
    model = randomize(SequenceClassifier(config)).float()
    state = {"description": models.describe(model, TOKENIZER), "model": model.state_dict()}
    checkpoint.save(state, folder / "best.safetensors")
    return folder


def test_a_model_is_certified(command, run):
    code, out = command("certify", run, TEXTS[0])
    assert code == 0 and "certified: output" in out and "conservation ok" in out and "encoder.layers.0" in out
    code, out = command(
        "certify", run / "best.safetensors", TEXTS[0], "--json", "--target", "0", "--rule", "cp-lrp"
    )
    told = json.loads(out)
    assert (
        code == 0 and told["ok"] and told["rule"] == "cp-lrp" and told["tokens"] == TOKENIZER.tokens(TEXTS[0])
    )
    assert {"layer", "in", "out", "gap"} == set(told["rows"][0]) and told["forms_gap"] < 1e-6
    assert told["checked"] == len(told["tokens"]) and told["lost"] == []


def test_a_model_that_is_wrong_is_not_certified(command, run, monkeypatch):
    monkeypatch.setattr(
        "minitransformer.ops.networks.activation.GELU.modified", lambda self, g, books, y, x: (g * (x > 0),)
    )
    code, out = command("certify", run, TEXTS[0])
    assert code == 1 and "not certified" in out and "FAILS" in out
    code, out = command("certify", run, TEXTS[0], "--json")
    assert code == 1 and json.loads(out)["ok"] is False


def test_an_encoder_decoder_is_certified_at_the_beginning_of_its_answer(command, tmp_path):
    model = randomize(models.T5(models.T5Config(TOKENIZER.vocab_size, 8, 4, 12, 1, 1, 2))).float()
    state = {"description": models.describe(model, TOKENIZER), "model": model.state_dict()}
    checkpoint.save(state, tmp_path / "t5.safetensors")
    code, out = command("certify", tmp_path / "t5.safetensors", TEXTS[0])
    assert code == 0 and "of these decoder_ids" in out


CERTIFY = [
    ((" ",), "expected a text with at least one word"),
    ((TEXTS[0], "--target", "9"), "target: 9 is outside"),
    (
        (TEXTS[0], "--target", "good"),
        "expected a number or the name of a class (none: the model does not name",
    ),
    ((TEXTS[0], "--rule", "z-plus"), "expected a rule that has a gradient form"),
    ((TEXTS[0], "--rule", "x"), "rule: expected one of"),
    (("film " * 3000,), "tokens, as many as this model reads"),
]


@pytest.mark.parametrize("arguments, complaint", CERTIFY)
def test_what_certify_cannot_do_is_told(command, run, arguments, complaint):
    code, out = command("certify", run, *arguments)
    assert code == 1 and complaint in " ".join(out.split())


def test_a_folder_that_is_none_is_told(command, tmp_path):
    for folder in (tmp_path, tmp_path / "nothing"):
        code, out = command("certify", folder, "a text")
        assert code == 1 and "error:" in out and str(tmp_path) in out.replace("\n", "")


def written(path, method, name, **more):
    """A file as another tool would write it."""
    with open(path, "a", encoding="utf-8") as file:
        for text in TEXTS:
            tokens = TOKENIZER.tokens(text)
            said = {
                "text": text,
                "tokens": tokens,
                "attributions": method(text).tolist(),
                "target": 1,
                "method": name,
            }
            file.write(json.dumps(said | more) + "\n")
    return path


@pytest.fixture
def file(run, tmp_path):
    model, _ = models.load(run / "best.safetensors")
    random = np.random.default_rng(0)
    path = written(
        tmp_path / "a.jsonl",
        lambda t: explain.occlusion(model, TOKENIZER.encode(t), 1).relevance,
        "occlusion",
    )
    return written(path, lambda t: random.standard_normal(len(TOKENIZER.tokens(t))), "noise")


def test_attributions_are_judged(command, run, file):
    code, out = command("judge", file, "--model", run)
    assert code == 0 and "occlusion" in out and "noise" in out and "random order" in out
    code, out = command("judge", file, "--model", run, "--json", "--replace", "unk", "--orders", "5")
    told = json.loads(out)
    assert code == 0 and told["replace"] == "unk" and list(told["methods"]) == ["occlusion", "noise"]
    found = told["methods"]["occlusion"]
    assert found["texts"] == len(TEXTS) and set(found["faithful"]["delta_auc"]) == {"mean", "low", "high"}
    assert found["randomised"] is None and len(found["curves"]["most relevant first"]) == 11
    told = json.loads(command("judge", file, "--model", run, "--json")[1])
    assert told["methods"]["occlusion"]["agreement"]["occlusion"]["mean"] == 1


def test_no_number_is_cut_off_in_a_narrow_terminal(command, run, file, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(sys.modules["minitransformer.cli.judge"], "console", Terminal())
    code, out = command("judge", file, "--model", run, "--orders", "2")
    assert code == 0 and "\u2026" not in out and "random weights: delta_auc" in out


def test_the_same_seed_gives_the_same_judgement(command, run, file):
    first, again, other = (
        command("judge", file, "--model", run, "--json", "--seed", seed)[1] for seed in (1, 1, 2)
    )
    assert first == again != other


HOSTILE = {
    "empty": (b"", "expected lines of JSON"),
    "not UTF-8": (b"\xff\xfe\n", "line 1: expected UTF-8"),
    "no JSON": (b"text,tokens\n", "line 1: expected a JSON object"),
    "a huge line": (b'{"text": "' + b"a" * 5_000_000 + b'"}\n', "line 1: expected at most"),
    "zeros": (b"\0" * 1000, "line 1: expected a JSON object"),
}


@pytest.mark.parametrize("content, complaint", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_one_line_of_complaint(command, run, tmp_path, content, complaint):
    path = tmp_path / "hostile.jsonl"
    path.write_bytes(content)
    code, out = command("judge", path, "--model", run)
    assert code == 1 and complaint in " ".join(out.split()) and "Traceback" not in out and len(out) < 500


def test_no_file_a_folder_or_a_pipe(command, run, tmp_path):
    for path in (tmp_path / "none", tmp_path):
        code, out = command("judge", path, "--model", run)
        assert code == 1 and "error:" in out
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        code, out = command("judge", tmp_path / "pipe", "--model", run)
        assert code == 1 and "JSON lines" in out


def test_options_of_judge_are_checked(command, run, file):
    code, out = command("judge", file, "--model", run, "--replace", "x")
    assert code == 1 and "--replace: expected one of zero, unk, delete" in out
    assert command("judge", file)[0] == 2
    assert command("judge", file, "--model", run, "--orders", "1")[0] == 2
