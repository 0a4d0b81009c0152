"""Answers found in a text, and classes of tokens: explained by `explain.lrp_span`, `explain.lrp` and from the command line."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import explain
from minitransformer.models.folder.families import FAMILIES
from minitransformer.models.folder.model import Origin
from minitransformer.models.folder.using import segments_of
from minitransformer.tokenization.encoding import Encoding

WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] who wrote it ? ada did not bob , in par ##is and rome".split()
SIZES = {
    "model_type": "bert", "vocab_size": len(WORDS), "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 12, "max_position_embeddings": 24, "pad_token_id": 0,
}  # fmt: skip
READER = SIZES | {"architectures": ["BertForQuestionAnswering"]}
TAGGER = SIZES | {
    "architectures": ["BertForTokenClassification"], "id2label": {"0": "O", "1": "PER", "2": "LOC"},
    "label2id": {"O": 0, "PER": 1, "LOC": 2},
}  # fmt: skip
QUESTION, CONTEXT = "Who wrote it?", "Ada wrote it in Paris, not Bob"


def made(config, dtype=mt.float32):
    name = config["architectures"][0]
    family = FAMILIES[name]
    mt.manual_seed(0)
    model = family.build(family.config.from_published(config)).to(dtype).eval()
    for p in model.parameters():
        p.data.normal_(0, 0.5)
    model.origin = Origin(name, config, family.names, {"a weight": "F32"})
    return model


@pytest.fixture
def folder(tmp_path):
    pytest.importorskip("tokenizers")

    def make(config, name="model"):
        made(config).save_folder(tmp_path / name)
        (tmp_path / name / "vocab.txt").write_text("\n".join(WORDS) + "\n")
        return tmp_path / name

    return make


def asked(command, *arguments):
    code, out = command("explain", "--model", *arguments, "--json")
    assert code == 0, out
    return json.loads(out)


# ---- spans ----


@pytest.mark.parametrize("longest", [1, 3, 30])
def test_the_best_span_is_that_of_all_pairs(longest):
    draw = np.random.default_rng(longest)
    for _ in range(30):
        start, end = draw.normal(size=(2, 9))
        among = sorted(draw.choice(9, 5, replace=False).tolist())
        pairs = [(i, j) for i in among for j in among if 0 <= j - i < longest]
        assert explain.best_span(start, end, among, longest) == max(
            pairs, key=lambda p: start[p[0]] + end[p[1]]
        )
    with pytest.raises(ValueError, match="expected positions"):
        explain.best_span(start, end, [])


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_both_ends_are_explained_and_their_ledgers_close(form):
    model, ids, kinds = made(READER, mt.float64), [2, 5, 6, 7, 3, 9, 6, 7, 3], [0] * 5 + [1] * 4
    start, end = (t.numpy()[0] for t in model(mt.tensor([ids]), token_type_ids=mt.tensor([kinds])))

    def walk(*inputs, **options):
        return explain.lrp(*inputs, form=form, **options)

    e = explain.lrp_span(model, ids, walk=walk, among=[5, 6, 7], token_type_ids=kinds)
    assert (e.first, e.last) == explain.best_span(start, end, [5, 6, 7])
    assert [one.output for one in e] == pytest.approx([start[e.first], end[e.last]], abs=1e-12)
    for one in e:
        scale = abs(one.ledger["total"]) + sum(map(abs, one.relevance))
        assert one.ledger.closes and abs(one.ledger.gap) <= 1e-10 * scale
        assert one.ledger["tokens"] == pytest.approx(one.relevance.sum(), abs=1e-12)
    p, q = (np.exp(x) / np.exp(x).sum() for x in (start, end))
    assert e.probability == pytest.approx(p[e.first] * q[e.last])
    told = explain.lrp_span(model, ids, (6, 7), token_type_ids=kinds)
    assert (told.start.target, told.end.target) == ([6], [7])
    assert "start at " in e.to_html() and "end at " in e.to_html()


def test_gradients_of_an_end_are_those_of_its_logit():
    model, ids = made(READER, mt.float64), [2, 5, 6, 3]
    e = explain.lrp_span(model, ids, (1, 2), explain.gradient_x_input)
    vectors = model.bert.embeddings.words.weight
    (slope,) = mt.autograd.grad(model(mt.tensor([ids]))[1][0, 2], [vectors])
    expected = (slope[mt.tensor(ids)] * vectors[mt.tensor(ids)]).sum(-1)
    np.testing.assert_allclose(e.end.relevance, expected.detach().numpy(), atol=1e-12)


def test_a_model_without_two_ends_is_refused():
    with pytest.raises(TypeError, match="head for question answering"):
        explain.lrp_span(made(TAGGER), [2, 5, 3])
    with pytest.raises(ValueError, match="explain.lrp_span explains both ends"):
        explain.lrp(made(READER), [2, 5, 3])


# ---- from a folder ----


def test_a_pair_is_read_as_the_template_says(folder):
    _, tokenizer = mt.models.from_folder(folder(READER))
    read = tokenizer.read(QUESTION, CONTEXT)
    n = 6  # [CLS] who wrote it ? [SEP]
    assert read.ids[:n] == tokenizer.encode(QUESTION) and read.ids[n:] == tokenizer.encode(CONTEXT)[1:]
    assert read.type_ids == [0] * n + [1] * (len(read.ids) - n)
    assert read.tokens == "[CLS] Who wrote it ? [SEP] Ada wrote it in Par is , not Bob [SEP]".split()
    assert read.positions(1) == [*range(6, 15)] and read.covering(16, 21, 1) == [10, 11]
    assert read.covering(0, 0, 1) == []
    assert tokenizer.read(QUESTION).ids == tokenizer.encode(QUESTION)
    with pytest.raises(TypeError, match="expected a str"):
        tokenizer.read(QUESTION, 3)


def test_segments_go_only_to_models_that_have_two():
    read = Encoding([2, 3], ["a", "b"], [0, 1], [0, 1], [(0, 1), (0, 1)])
    assert segments_of(made(READER), read) == [0, 1]
    one = READER | {"type_vocab_size": 1}
    assert segments_of(made(one), read) is None


def test_an_answer_is_printed_and_explained(command, folder, tmp_path):
    path = folder(READER)
    told = asked(command, path, QUESTION, "--context", CONTEXT)
    model, tokenizer = mt.models.from_folder(path)
    read = tokenizer.read(QUESTION, CONTEXT)
    start, end = (
        t.numpy()[0] for t in model(mt.tensor([read.ids]), token_type_ids=mt.tensor([read.type_ids]))
    )
    first, last = explain.best_span(start, end, read.positions(1))
    assert told["span"] == [first, last]
    assert told["answer"] == CONTEXT[read.offsets[first][0] : read.offsets[last][1]]
    assert told["start"]["output"] == pytest.approx(start[first]) and told["end"]["output"] == pytest.approx(
        end[last]
    )
    for part in ("start", "end"):
        ledger = told[part]["ledger"]
        assert sum(v for k, v in ledger.items() if k != "total") == pytest.approx(ledger["total"], abs=1e-4)
    page = tmp_path / "why.html"
    code, out = command(
        "explain", "--model", path, QUESTION, "--context", CONTEXT, "--target", "Paris", "--html", page
    )
    assert code == 0 and "answer: Paris (" in out and "start at Par " in out and "end at is " in out
    assert "Why end at is?" in page.read_text(encoding="utf-8")


def test_a_token_s_class_is_explained(command, folder):
    path = folder(TAGGER)
    told = asked(command, path, CONTEXT, "--token", "Paris", "--target", "LOC")
    model, tokenizer = mt.models.from_folder(path)
    logits = model(mt.tensor([tokenizer.encode(CONTEXT)]))[0]  # (T, L)
    assert told["name"] == "LOC of Par" and told["output"] == pytest.approx(float(logits[5, 2]))
    chances = logits.softmax(-1).numpy()
    assert told["probability"] == pytest.approx(float(chances[5, 2]))
    names = ["O", "PER", "LOC"]
    assert told["labels"] == [None, *(names[i] for i in chances[1:-1].argmax(1)), None]
    either = asked(command, path, CONTEXT, "--token", "Paris", "--target", "LOC", "--against", "O")
    assert either["output"] == pytest.approx(float(logits[5, 2] - logits[5, 0]), abs=1e-5)
    assert either["name"] == "LOC rather than O of Par" and either["probability"] is None


def test_the_surest_token_of_a_name_is_the_one_explained(command, folder):
    path = folder(TAGGER)
    told = asked(command, path, CONTEXT)
    model, tokenizer = mt.models.from_folder(path)
    chances = model(mt.tensor([tokenizer.encode(CONTEXT)])).softmax(-1).numpy()[0][1:-1]
    own = chances[chances.argmax(1) != 0]
    assert len(own) and told["probability"] == pytest.approx(float(own.max()))
    code, out = command("explain", "--model", path, CONTEXT)
    assert code == 0 and re.search(r"^\S+/(PER|LOC)", out)
    assert asked(command, path, CONTEXT, "--target", "LOC")["probability"] == pytest.approx(
        float(chances[:, 2].max())
    )


SAID = {
    "--context: expected the text in which the answer stands": (READER, [QUESTION]),
    "--context: expected a text with at least one token": (READER, [QUESTION, "--context", " "]),
    "--target: expected words of the context": (READER, [QUESTION, "--context", CONTEXT, "--target", "Rome"]),
    "--against: expected nothing": (READER, [QUESTION, "--context", CONTEXT, "--target", "Ada", "--against", "Bob"]),
    "--token: expected a model that gives": (READER, [QUESTION, "--context", CONTEXT, "--token", "Ada"]),
    "method lime: expected a classifier of texts": (READER, [QUESTION, "--context", CONTEXT, "--method", "lime"]),
    "expected at most 24 tokens": (READER, [QUESTION, "--context", CONTEXT * 3]),
    "--context: expected a model that finds answers": (TAGGER, [QUESTION, "--context", CONTEXT]),
    "--token: expected a word of the text, got 'Rome'": (TAGGER, [CONTEXT, "--token", "Rome"]),
    "expected a number or the name of a class (O, PER, LOC)": (TAGGER, [CONTEXT, "--target", "ORG"]),
    "--target: expected a class from 0 to 2, got 7": (TAGGER, [CONTEXT, "--target", "7"]),
    "--against: expected --target too": (TAGGER, [CONTEXT, "--against", "LOC"]),
    'a class other than "O", got none': (TAGGER | {"id2label": {"0": "O", "1": "O", "2": "O"}}, [CONTEXT]),
}  # fmt: skip


@pytest.mark.parametrize("told", SAID)
def test_what_cannot_be_asked_is_refused_by_name(told, command, folder):
    config, arguments = SAID[told]
    code, out = command("explain", "--model", folder(config), *arguments)
    assert code != 0 and told in " ".join(out.split())


# ---- the page ----

PAGE = (Path(__file__).parent.parent / "lessons" / "RECIPES.md").read_text(encoding="utf-8")


def test_the_page_s_program_runs(folder, capsys):
    (program,) = re.findall(
        r"^## Answers in a text\n.*?^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE
    )
    exec(compile(program.replace('"FOLDER"', repr(str(folder(READER)))), "RECIPES.md", "exec"), {})
    out = capsys.readouterr().out
    assert "start at" in out and "end at" in out and out.count("total") == 2


def test_the_page_s_commands_run(folder, command):
    section = PAGE[PAGE.index("## Answers in a text") :]
    (lines,) = re.findall(r"^```bash\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    for config, line in zip((READER, TAGGER), lines.splitlines(), strict=True):
        name, _, text, option, value = re.fullmatch(
            r'minitransformer explain --model (\w+) (")([^"]+)" (--\w+) "([^"]+)"', line
        ).groups()
        code, out = command("explain", "--model", folder(config, name), text, option, value)
        assert code == 0, out
