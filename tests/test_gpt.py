"""GPT-2 against transformers in small, its published names, its cache, its padding, its relevance."""

import numpy as np
import pytest
from reference_models import hold, reference
from references.transformers_tiny import HEADS, IDS, LAYERS, LENGTH, VOCAB, WIDTH

import minitransformer as mt
from minitransformer import explain
from minitransformer.models.gpt import GPT, LM_NAMES, GPTConfig

SMALL = GPTConfig(VOCAB, LENGTH, WIDTH, LAYERS, HEADS)


@pytest.fixture
def model():
    return GPT(SMALL).double().eval()


def test_outputs_and_gradients_are_those_of_transformers(model):
    hold(model, lambda model: model(mt.tensor(IDS)), "gpt", lambda arrays: LM_NAMES.read(model, arrays))


def test_names_with_and_without_the_model_before_them(model):
    _, arrays = reference("gpt")
    bare = {name.removeprefix("transformer."): array for name, array in arrays.items()}
    state = LM_NAMES.read(model, bare)
    assert state.keys() == LM_NAMES.read(model, arrays).keys() == model.state_dict().keys() - {"head.weight"}
    with pytest.raises(ValueError, match="wte"):
        LM_NAMES.read(model, {})


def test_a_cache_changes_nothing(model):
    cache, parts = model.new_cache(), []
    with mt.no_grad():
        for start, stop in ((0, 3), (3, 4), (4, 7)):
            parts.append(model(mt.tensor(IDS[:, start:stop]), cache=cache).numpy())
        whole = model(mt.tensor(IDS)).numpy()
    assert np.allclose(np.concatenate(parts, axis=1), whole, rtol=0, atol=1e-12)


def test_what_is_added_to_the_stream_starts_small():
    model = GPT(GPTConfig(50, 8, 64, 8, 4))
    layer = model.encoder.layers[3]
    assert (
        abs(layer.linear2.weight.numpy().std() - 0.02 / 4) < 1e-3
        and abs(layer.linear1.weight.numpy().std() - 0.02) < 1e-3
    )
    assert not np.array_equal(layer.linear1.weight.numpy(), model.encoder.layers[4].linear1.weight.numpy())


@pytest.mark.parametrize("form", ["gradient", "explicit"])
def test_relevance_adds_up(model, form):
    ledger = explain.lrp(model, IDS[:1], form=form).ledger
    assert abs(ledger.gap) <= 1e-10 * ledger.scale and ledger["positions"] != 0
