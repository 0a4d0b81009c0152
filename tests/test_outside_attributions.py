"""Attributions of other tools: lines that are wrong are named by their numbers, and other cuts of a text are brought onto ours."""

import io
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lrp_models import classifier, language_model

import minitransformer as mt
from minitransformer import explain
from minitransformer.explain.outside_attributions import alignment, read_attributions
from minitransformer.explain.perturbation import logit_of
from minitransformer.tokenization import WordTokenizer

TEXT = "a good film"
TOKENIZER = WordTokenizer.train("a good film , not bad at all")
GOOD = {
    "text": TEXT,
    "tokens": TOKENIZER.tokens(TEXT),
    "attributions": [0.1] * len(TOKENIZER.tokens(TEXT)),
    "target": 1,
    "method": "captum ig",
}


def lines(*objects):
    return io.BytesIO(
        b"".join(o if isinstance(o, bytes) else json.dumps(o).encode() + b"\n" for o in objects)
    )


def read(*objects, labels=("bad", "good")):
    return read_attributions(lines(*objects), TOKENIZER, 2, labels)


def test_lines_are_read_in_order_and_empty_ones_passed_over():
    first, second = read(
        b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\n",
        b"\n",
        GOOD | {"target": "good", "method": "shap"},
    )
    assert (first.line, second.line) == (1, 3) and (first.method, second.method) == ("captum ig", "shap")
    assert first.target == second.target == 1 and first.ids.tolist() == TOKENIZER.encode(TEXT)
    assert np.array_equal(first.relevance, GOOD["attributions"]) and first.randomised is None


N = len(GOOD["tokens"])
BAD = {
    "not JSON": (b"{text: 1}\n", "expected a JSON object"),
    "no object": ([1, 2], "expected a JSON object, got list"),
    "null": (None, "expected a JSON object, got NoneType"),
    "not UTF-8": (b'{"text": "\xff"}\n', "expected UTF-8, got byte 0xff at byte 10"),
    "nested deep": (b"[" * 100_000 + b"\n", "line 1: "),
    "a key twice": (b'{"text": "a", "text": "b"}\n', "expected each key once, got 'text' 2 times"),
    "a key missing": ({"text": "a"}, "tokens, attributions, target, method is missing"),
    "text a number": (GOOD | {"text": 3}, "text: expected str, got int"),
    "empty text": (GOOD | {"text": " "}, "text: expected words"),
    "half a letter": (GOOD | {"text": TEXT + "\ud83d"}, "surrogates not allowed"),
    "tokens a text": (GOOD | {"tokens": TEXT}, "tokens: expected list, got str"),
    "a token a number": (GOOD | {"tokens": [1] * N}, "tokens: expected strings, got int"),
    "lengths": (
        GOOD | {"attributions": [0.1]},
        f"attributions: expected a number for each of {N} tokens, got 1",
    ),
    "NaN": (GOOD | {"attributions": [float("nan")] * N}, "expected finite numbers, got nan at 0"),
    "infinity": (GOOD | {"attributions": [float("-inf")] * N}, "expected finite numbers, got -inf at 0"),
    "too large": (json.dumps(GOOD).replace("0.1", "1" + "0" * 400).encode() + b"\n", "line 1: "),
    "true": (GOOD | {"attributions": [True] * N}, "expected finite numbers, got True"),
    "strings": (GOOD | {"attributions": ["1"] * N}, "expected finite numbers, got '1'"),
    "another text": (GOOD | {"tokens": ["the", *GOOD["tokens"][1:]]}, "'the', token 0, is not what follows"),
    "a word left out": (GOOD | {"tokens": ["a", "film"], "attributions": [1, 2]}, "'film', token 1, is not"),
    "target": (GOOD | {"target": 2}, "target: expected a number below 2, got 2"),
    "target below 0": (GOOD | {"target": -1}, "target: expected a number below 2, got -1"),
    "target true": (GOOD | {"target": True}, "target: expected int or str, got bool"),
    "target a float": (GOOD | {"target": 1.0}, "target: expected int or str, got float"),
    "an unknown class": (GOOD | {"target": "great"}, "target: expected one of bad, good, got 'great'"),
    "method": (GOOD | {"method": ""}, "method: expected words"),
    "method with escapes": (GOOD | {"method": "a\x1b[31m"}, "method: expected words"),
    "randomised": (GOOD | {"randomised": [1]}, "randomised: expected a number for each"),
    "huge": (b"x" * 3_000_000 + b"\n", "expected at most 1,048,576 bytes"),
}


@pytest.mark.parametrize("line, complaint", BAD.values(), ids=BAD)
def test_a_bad_line_is_named_by_its_number(line, complaint):
    with pytest.raises(ValueError) as error:
        read(line)
    assert str(error.value).startswith("line 1: ") and complaint in str(error.value)
    assert len(str(error.value)) < 600
    with pytest.raises(ValueError, match="^line 3: "):
        read(GOOD, GOOD, line, GOOD)


def test_every_bad_line_is_named_up_to_ten():
    with pytest.raises(ValueError) as error:
        read(GOOD, *[GOOD | {"target": 9}] * 12)
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        *(f"line {i}" for i in range(2, 12)),
        "and 2 more lines",
    ]
    for nothing in (b"", b"\n \n"):
        with pytest.raises(ValueError, match="expected lines of JSON, .* got none"):
            read(nothing)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=80))
def test_no_bytes_do_more_than_raise_a_value_error(content):
    with pytest.raises(ValueError, match="line|got none"):
        read(content)


# ---- other cuts ----


def mapped(tokens, ours, text, values):
    return (alignment(text, tokens, ours) @ np.array(values, float)).tolist()


def test_the_same_cut_is_taken_as_it_is():
    tokens = ["[CLS]", "a", "[SEP]"]
    assert np.array_equal(alignment("a", tokens, tokens), np.eye(3))


def test_words_are_shared_out_by_letters():
    ours = ["[CLS]", "un", "##like", "##ly", "good", "[SEP]"]
    assert mapped(["unlikely", "good"], ours, "Unlikely good", [8, 3]) == [0, 2, 4, 2, 3, 0]


def test_pieces_of_other_tools_are_added_up():
    ours = ["Unlikely", " ", "good"]
    for tokens in (["un", "##likely", "good"], ["ĠUn", "likely", "Ġgood"], ["▁Un", "likely", "▁good"]):
        assert mapped(tokens, ours, "Unlikely good", [1, 2, 4]) == [3, 0, 4]
    assert mapped(["<s>", "ĠUnlikely", "Ġgood", "</s>"], ours, "Unlikely good", [9, 1, 2, 9]) == [1, 0, 2]
    assert mapped(
        ["[CLS]", "unlikely", "good", "[SEP]"],
        ["[CLS]", "unlike", "##ly", "good", "[SEP]"],
        "unlikely good",
        [5, 8, 1, 7],
    ) == [5, 6, 2, 1, 7]


def test_case_accents_and_punctuation_that_a_tool_left_out_do_not_count():
    assert mapped(["cafe", "bien"], ["Café", ",", " ", "bien", "!"], "Café, bien!", [1, 2]) == [1, 0, 0, 2, 0]
    assert mapped(["ﬁne"], ["fine"], "ﬁne", [1]) == [1]


def test_a_token_that_stands_elsewhere_is_refused():
    for tokens in (["film", "good"], ["good", "good"], ["a", "goo", "film"]):
        with pytest.raises(ValueError, match="is not what follows in the text"):
            alignment(TEXT, tokens, ["a", "good", "film"])


@settings(max_examples=100, deadline=None)
@given(st.text("abcé ,.!\n", min_size=1, max_size=30), st.integers(0, 10**6))
def test_no_attribution_is_lost_between_two_cuts(text, seed):
    random = np.random.default_rng(seed)

    def cut():
        places = sorted({0, len(text), *random.integers(0, len(text) + 1, 4).tolist()})
        return [text[a:b] for a, b in zip(places, places[1:], strict=False)]

    tokens, ours = cut(), cut()
    matrix = alignment(text, tokens, ours)
    sums = matrix.sum(axis=0)
    for token, total in zip(tokens, sums, strict=True):
        assert total == pytest.approx(1 if token.strip() else 0) or tokens == ours


# ---- judged ----


def made(model, tokenizer, texts, method, name, target=1):
    """What a tool would write."""
    for text in texts:
        relevance = method(model, tokenizer.encode(text))
        yield {
            "text": text,
            "tokens": tokenizer.tokens(text),
            "attributions": np.asarray(relevance).tolist(),
            "target": target,
            "method": name,
        }


TEXTS = ["good film not bad", "bad bad film", "fine film bad good", "film not fine", "fine not good film"]
WORDS = WordTokenizer.train(TEXTS)


@pytest.mark.parametrize("make", [classifier, language_model])
def test_what_follows_the_model_is_told_from_what_does_not(make):
    model = make()
    random = np.random.default_rng(0)
    relevance = {
        "faithful": lambda m, ids: explain.occlusion(m, ids, 1).relevance,
        "upside down": lambda m, ids: -explain.occlusion(m, ids, 1).relevance,
        "noise": lambda m, ids: random.standard_normal(len(ids)),
    }
    objects = [o for name, method in relevance.items() for o in made(model, WORDS, TEXTS, method, name)]
    for one in objects:
        one["randomised"] = one["attributions"] if one["method"] == "noise" else one["attributions"][::-1]
    found = {one.method: one for one in explain.judge(model, read_attributions(lines(*objects), WORDS, 2))}
    assert list(found) == list(relevance) and all(one.texts == len(TEXTS) for one in found.values())
    faithful, upside_down, noise = found.values()
    assert faithful.p < 0.1 < upside_down.p and faithful.faithful["delta_auc"][0] > 0
    assert upside_down.faithful["delta_auc"][0] == pytest.approx(-faithful.faithful["delta_auc"][0])
    assert faithful.agreement["occlusion"] == (1, 1, 1) and upside_down.agreement["occlusion"] == (-1, -1, -1)
    assert noise.randomised == (1, 1, 1)
    assert faithful.better["delta_auc"][0] == pytest.approx(
        faithful.faithful["delta_auc"][0] - faithful.random["delta_auc"][0]
    )
    assert json.loads(json.dumps(faithful.to_dict()))["faithful"]["delta_auc"]["mean"] > 0
    assert faithful.curves.shape == (2, 11) and faithful.curves[:, 0] == pytest.approx(1)
    assert faithful.curves[:, -1] == pytest.approx(0)


def test_the_measures_are_those_of_faithfulness():
    model = classifier()
    (one,) = read_attributions(
        lines(*made(model, WORDS, TEXTS[:1], lambda m, ids: np.arange(len(ids)), "x")), WORDS, 2
    )
    (found,) = explain.judge(model, [one], orders=4, seed=3)
    expected = explain.faithfulness(logit_of(model, 1), one.ids, one.relevance, orders=4, seed=3)
    for name, value in expected.scores.items():
        assert found.faithful[name] == pytest.approx((value,) * 3)
        assert found.random[name][0] == pytest.approx(expected.random[name][0])


def test_nothing_to_judge_and_a_text_that_is_too_long():
    with pytest.raises(ValueError, match="expected attributions"):
        explain.judge(classifier(), [])
    model = language_model()
    mt.manual_seed(0)
    texts = ["good"] + ["film " * 600]
    objects = made(model, WORDS, texts, lambda m, ids: np.ones(len(ids)), "x")
    with pytest.raises(ValueError, match="^line 2: "):
        explain.judge(model, read_attributions(lines(*objects), WORDS, 2))
