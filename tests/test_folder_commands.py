"""Commands that are given a folder: explain, embed, generate, chat, translate."""

import io
import json

import pytest

import minitransformer as mt
from minitransformer.models.folder.families import FAMILIES
from minitransformer.models.folder.model import Origin

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] the food was good bad and service slow translate english to german : hi i".split()
BERT = {
    "architectures": ["BertForSequenceClassification"], "model_type": "bert", "vocab_size": len(WORDS), "hidden_size": 8,
    "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": 16, "pad_token_id": 0,
    "id2label": {"0": "dull", "1": "fair", "2": "fine"},
}  # fmt: skip
LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": len(WORDS), "hidden_size": 8,
    "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 12, "max_position_embeddings": 64,
}  # fmt: skip
T5 = {
    "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": len(WORDS), "d_model": 8, "d_kv": 4,
    "d_ff": 12, "num_layers": 1, "num_heads": 2, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False,
    "is_encoder_decoder": True, "pad_token_id": 0,
}  # fmt: skip
TEMPLATE = "{% for m in messages %}{{ m.role }} : {{ m.content }} {% endfor %}the"


@pytest.fixture
def folder(tmp_path):
    """Make a folder of a configuration, with words for a vocabulary."""
    tokenizers = pytest.importorskip("tokenizers")

    def make(config, name="model"):
        family = FAMILIES[config["architectures"][0]]
        mt.manual_seed(0)
        model = family.build(family.config.from_published(config)).eval()
        for p in model.parameters():
            p.data.normal_(0, 0.5)
        model.origin = Origin(config["architectures"][0], config, family.names, {"a weight": "F32"})
        path = tmp_path / name
        model.save_folder(path)
        if config["model_type"] == "bert":
            (path / "vocab.txt").write_text("\n".join(WORDS) + "\n")
            return path
        made = tokenizers.Tokenizer(
            tokenizers.models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="[UNK]")
        )
        made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
        made.save(str(path / "tokenizer.json"))
        settings = {
            "eos_token": "[SEP]",
            "pad_token": "[PAD]",
            "unk_token": "[UNK]",
            "chat_template": TEMPLATE,
        }
        (path / "tokenizer_config.json").write_text(json.dumps(settings))
        return path

    return make


def asked(command, *arguments):
    code, out = command(*arguments, "--json")
    assert code == 0, out
    return json.loads(out)


def test_explain_a_class_by_its_name(command, folder):
    told = asked(command, "explain", "--model", folder(BERT), "the food was good", "--target", "fine")
    assert told["name"] == "fine" and told["target"] == [2] and 0 < told["probability"] < 1
    assert told["tokens"] == ["[CLS]", "the", "food", "was", "good", "[SEP]"] and len(told["relevance"]) == 6
    parts = {name: amount for name, amount in told["ledger"].items() if name != "total"}
    assert abs(told["ledger"]["total"] - sum(parts.values())) < 1e-4 and told["ledger"][
        "total"
    ] == pytest.approx(told["output"])


def test_explain_one_class_rather_than_another(command, folder, tmp_path):
    path = folder(BERT)
    one, other, both = (
        asked(command, "explain", "--model", path, "the food was bad", *options)
        for options in (["--target", "fine"], ["--target", "dull"], ["--target", "fine", "--against", "dull"])
    )
    assert both["name"] == "fine rather than dull" and both["probability"] is None
    assert both["output"] == pytest.approx(one["output"] - other["output"], abs=1e-5)
    expected = [a - b for a, b in zip(one["relevance"], other["relevance"], strict=True)]
    assert both["relevance"] == pytest.approx(expected, abs=1e-4)
    contrast = ["the food was bad", "--target", "fine", "--against", "dull", "--html", tmp_path / "why.html"]
    code, out = command("explain", "--model", path, *contrast)
    assert code == 0 and "attnlrp: fine rather than dull, output 2 less output 0 = " in out
    assert "fine rather than dull" in (tmp_path / "why.html").read_text(encoding="utf-8")


def test_explain_by_lime_and_as_a_page(command, folder, tmp_path):
    path = folder(BERT)
    told = asked(
        command, "explain", "--model", path, "the food was bad", "--method", "lime", "--samples", "50"
    )
    assert told["name"] in ("dull", "fair", "fine") and {"food", "bad"} <= set(told["tokens"])
    code, out = command("explain", "--model", path, "the food was bad", "--html", tmp_path / "why.html")
    assert (
        code == 0 and "Page written" in out and "food" in (tmp_path / "why.html").read_text(encoding="utf-8")
    )


def test_explain_what_a_text_goes_on_with(command, folder):
    path = folder(LLAMA)
    asking = ["explain", "--model", path, "the food was"]
    one, other = (asked(command, *asking, "--target", word) for word in ("good", "bad"))
    both = asked(command, *asking, "--target", "good", "--against", "bad")
    assert both["name"] == "good rather than bad"
    assert both["output"] == pytest.approx(one["output"] - other["output"], abs=1e-5)
    assert both["relevance"] == pytest.approx(
        [a - b for a, b in zip(one["relevance"], other["relevance"], strict=True)], abs=1e-4
    )
    long = asked(command, *asking, "--target", "good and slow", "--against", "bad service")
    assert long["tokens"] == ["the", "food", "was", "good/bad", "and/"]
    assert long["ledger"]["total"] == pytest.approx(long["output"])
    code, out = command(*asking, "--target", "good and slow", "--against", "bad service")
    assert code == 0 and "good and slow rather than bad service, " in out


@pytest.mark.parametrize(
    "options, complaint",
    [
        (
            ["--target", "splendid"],
            "expected a number or the name of a class (dull, fair, fine), got 'splendid'",
        ),
        (["--against", "dull"], "--against: expected --target too"),
        (["--target", "dull", "--against", "0"], "expected another output than --target"),
        (["--target", "dull", "--against", "fair", "--method", "lime"], "--against and phrases"),
        (["--target", "7"], "outside the 3 logits"),
    ],
)
def test_explain_of_what_a_model_does_not_give(command, folder, options, complaint):
    code, out = command("explain", "--model", folder(BERT), "the food", *options)
    assert code != 0 and complaint in " ".join(out.split())


def test_embed_with_a_model_without_a_head(command, folder):
    bare = {**BERT, "architectures": ["BertModel"]}
    told = asked(command, "embed", "--model", folder(bare), "the food", "the food was good", "the food")
    assert told["cosines"][0][2] == pytest.approx(1, abs=1e-5) and told["cosines"][0][1] < 0.9999
    code, out = command("embed", "--model", folder(BERT, "classifier"), "the food", "bad")
    assert code != 0 and "expected one without a head" in out


def test_generate_and_chat(command, folder, monkeypatch):
    path = folder(LLAMA)
    told = asked(
        command, "generate", "the food", "--model", path, "--max-new-tokens", "5", "--temperature", "0"
    )
    assert told["text"].startswith("the food") and 1 <= len(told["tokens"]) <= 5
    pytest.importorskip("jinja2")
    monkeypatch.setattr("sys.stdin", io.StringIO("the food\n\n"))
    code, out = command("chat", "--model", path, "--max-new-tokens", "3")
    assert code == 0 and out.strip()
    code, out = command("generate", "the food", "--model", folder(BERT, "classifier"))
    assert code != 0 and "expected a model that writes text" in out


def test_translate_and_say_why(command, folder):
    told = asked(command, "translate", "the food", "--model", folder(T5), "--max-new-tokens", "3", "--why")
    assert told["translation"] is not None and all(reason["ledger"] for reason in told["why"])
    code, out = command("translate", "the food", "--model", folder(LLAMA, "writer"))
    assert code != 0 and "expected an encoder-decoder" in out


LINES = "fine\tthe food was good\n0\tthe service was slow\n\nfair\tgood food and bad service\n"


def test_methods_are_compared_on_a_file_of_labelled_lines(command, folder, tmp_path):
    lines = tmp_path / "lines.tsv"
    lines.write_text(LINES)
    told = asked(command, "explain", "--model", folder(BERT), "--compare", "--data", lines, "--samples", "30")
    assert {"occlusion", "lime", "random"} <= set(told) and len(told) > 8
    for wrong, complaint in (
        ("splendid\tthe food\n", "line 1: expected"),
        ("the food\n", "line 1: expected"),
        ("", "no line"),
    ):
        lines.write_text(wrong)
        code, out = command("explain", "--model", tmp_path / "model", "--compare", "--data", lines)
        assert code != 0 and complaint in " ".join(out.split())
    code, out = command("explain", "--model", folder(LLAMA, "writer"), "--compare", "--data", lines)
    assert code != 0 and "expected a classifier" in out
