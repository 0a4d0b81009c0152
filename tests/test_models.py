"""The registry of models: every family is written by a Trainer and read back, and what writes is known by the protocol."""

import contextlib

import numpy as np
import outside
import pytest

import minitransformer as mt
from minitransformer import checkpoint, generation, models, nn
from minitransformer.generation.writer import lacking
from minitransformer.nn.modes import in_use
from minitransformer.optim import SGD
from minitransformer.recipes import RECIPES
from minitransformer.training import LAST, Trainer
from minitransformer.utils.data import DataLoader

IDS = [[3, 4, 2, 5], [5, 6, 7, 2]]
WRITES = ["gpt", "language-model", "llama"]
# a T5 does not write; its answers do
SILENT = ["classifier", "bert", "bert-classifier", "bert-masked-lm", "seq2seq", "t5"]
kinds = pytest.mark.parametrize("kind", models.KINDS)


def called(model):
    """What the model gives for IDS."""
    inputs = [mt.tensor(IDS)] * (2 if hasattr(model, "decode") else 1)
    return model(*inputs)


def trained(kind, directory):
    """A tiny model after a step, and its tokenizer; the checkpoint is in the directory."""
    model, tokenizer = outside.tiny(kind)
    Trainer(
        model,
        lambda model, batch: (called(model) ** 2).mean(),
        DataLoader([0], 1),
        SGD(model.parameters(), lr=0.1),
        steps=1,
        directory=directory,
        description=models.describe(model, tokenizer),
    ).run()
    return model, tokenizer


@kinds
def test_every_model_is_written_by_a_trainer_and_read_back(kind, tmp_path):
    model, tokenizer = trained(kind, tmp_path)
    again, its_tokenizer = models.load(tmp_path / LAST)
    assert type(again) is type(model) and again.config == model.config and its_tokenizer == tokenizer
    with mt.no_grad(), in_use(model):
        expected, got = called(model).numpy(), called(again).numpy()
    assert expected.std() > 0 and np.array_equal(expected, got)


@kinds
def test_a_kind_is_found_by_its_class_and_by_no_other(kind, tmp_path):
    family = models.KINDS[kind]
    derived = type("Derived", (family.model,), {})
    assert models.kind_of(family.model) == models.kind_of(derived) == kind
    trained(kind, tmp_path)
    other = next(other for other in models.KINDS if other != kind)
    with pytest.raises(
        checkpoint.CheckpointError, match=f"expected a model of the kind {other}, got '{kind}'"
    ):
        models.load(tmp_path / LAST, other)


def test_every_model_of_the_room_is_in_the_registry():
    public = [getattr(models, name) for name in models.__all__]
    classes = {thing for thing in public if isinstance(thing, type) and issubclass(thing, nn.Module)}
    of_others = {models.Average}  # it consists of models of the registry, and has no checkpoint
    assert classes - of_others == {family.model for family in models.KINDS.values()}
    assert all(family.config in public for family in models.KINDS.values())
    assert RECIPES.keys() <= models.KINDS.keys() | {"dates", "stories"}


def test_a_model_of_no_family():
    with pytest.raises(ValueError, match="models.KINDS .*GPT.*, got Linear"):
        models.describe(nn.Linear(2, 3), outside.tiny("gpt")[1])


@kinds
def test_what_writes_is_what_the_protocol_asks(kind):
    model, _ = outside.tiny(kind)
    writes = kind in models.WRITERS
    assert writes == (not lacking(model, model.config))
    with contextlib.nullcontext() if writes else pytest.raises(TypeError, match="a model that writes text"):
        assert len(generation.generate(model, [3, 4], 2)) == 2


@pytest.mark.parametrize("kind", models.WRITERS)
def test_what_writes_looks_back_only_goes_on_from_a_cache_and_sees_no_padding(kind):
    model, ids = outside.tiny(kind)[0].eval(), mt.tensor(IDS)  # (2, 4)
    with mt.no_grad():
        whole, cache = model(ids).numpy(), model.new_cache()  # (2, 4, V)
        in_parts = [model(part, cache=cache).numpy() for part in (ids[:, :2], ids[:, 2:])]
        padded = model(mt.cat([ids[:, :1], ids], 1), padding=mt.tensor([[True] + 4 * [False]] * 2))
    for got in (np.concatenate(in_parts, 1), padded.numpy()[:, 1:]):
        np.testing.assert_allclose(got, whole, rtol=0, atol=1e-5 * abs(whole).max())


def test_the_kinds_that_write():
    assert set(WRITES) <= set(models.WRITERS) and not set(SILENT) & set(models.WRITERS)


WAYS = {
    "generate": lambda model: generation.generate(model, [3, 4], 2),
    "generate_batch": lambda model: generation.generate_batch(model, [[3, 4], [5]], 2),
    "beam_search": lambda model: generation.beam_search(model, [3, 4], 2),
}


class OnlyCaches(nn.Module):
    """Has all that a writer has, but takes no padding."""

    config = models.LanguageModelConfig(20)

    def forward(self, ids, cache=None):
        raise AssertionError("called, though something is missing")

    def new_cache(self):
        return nn.TransformerCache(1)


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_does_not_write_is_told_what_it_lacks(way):
    wanted = r"got BertMaskedLM without forward\(.., cache\), forward\(.., padding\), new_cache\(\), config.max_len; pass"
    with pytest.raises(TypeError, match=f"{way}: expected a model that writes text, {wanted}"):
        WAYS[way](outside.tiny("bert-masked-lm")[0])
    with pytest.raises(TypeError, match=r"T5 without .*; pass model.answer\(source\)"):
        WAYS[way](outside.tiny("t5")[0])
    with pytest.raises(TypeError, match=r"OnlyCaches without forward\(.., padding\);"):
        WAYS[way](OnlyCaches())
