"""NumPy and CuPy arrays as inputs: they go to the model's device, or an error says what is wrong; none is copied by elements.

Run with `pytest --backend cupy`.
"""

from functools import partial

import numpy
import pytest
from lrp_models import IDS
from lrp_models import language_model as random_language_model
from on_device import counted

import minitransformer as mt
import minitransformer.nn.functional as F
from minitransformer import explain, nn
from minitransformer.generation import beam_search, generate, generate_batch
from minitransformer.models.bert import Bert, BertConfig, embed
from minitransformer.models.classifier import ClassifierConfig, SequenceClassifier, predict_proba
from minitransformer.tokenization import WordTokenizer
from minitransformer.utils.data import DataLoader, default_collate, default_convert, pad_collate, pad_sequence

# where the model is, and the backend in use, which says the other
HOMES = [("cpu", "cupy"), ("cuda", "numpy")]
IDS_GIVEN = {
    "list": list,
    "array": numpy.array,
    "tensor of the host": lambda ids: mt.tensor(ids, device="cpu"),
    "tensor of the device": lambda ids: mt.tensor(ids, device="cuda"),
}
READERS = {
    "lrp": lambda model, ids: explain.lrp(model, ids).relevance.tolist(),
    "gradient x input": lambda model, ids: explain.gradient_x_input(model, ids).relevance.tolist(),
    "generate": lambda model, ids: generate(model, ids, 3, temperature=0),
    "generate without cache": lambda model, ids: generate(model, ids, 3, temperature=0, use_cache=False),
    "generate_batch": lambda model, ids: generate_batch(model, [ids, ids], 3, temperature=0),
    "beam_search": lambda model, ids: beam_search(model, ids, 3, beams=2)[0].tokens,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("home, backend", HOMES)
def test_ids_land_where_the_model_is(home, backend, reader):
    model, read = random_language_model(max_len=16).to(home), READERS[reader]
    with mt.backend(backend):
        found = {name: read(model, given(IDS)) for name, given in IDS_GIVEN.items()}
    assert all(answer == found["list"] for answer in found.values()), found


@pytest.mark.parametrize("reader", READERS)
def test_bare_arrays_of_a_device_are_refused(reader):
    """CuPy says how to bring them home."""
    cupy = pytest.importorskip("cupy")
    with pytest.raises(TypeError, match=r"Please use `.get\(\)`"):
        READERS[reader](random_language_model(max_len=16), cupy.array(IDS))


@pytest.mark.parametrize("reader", READERS)
def test_longer_texts_are_not_copied_more_often(reader):
    model = random_language_model(max_len=16)
    few, more = (
        counted("device_to_host", lambda n=n: READERS[reader](model, mt.tensor(IDS[:n]))) for n in (2, 6)
    )
    assert few == more


@pytest.mark.parametrize("home, backend", HOMES)
def test_texts_are_read_where_the_model_is(home, backend):
    tokenizer = WordTokenizer.train(["the soup was good", "the soup was cold"])
    classifier = (
        SequenceClassifier(ClassifierConfig(tokenizer.vocab_size, d_model=8, nhead=2)).to(home).eval()
    )
    bert = Bert(BertConfig(tokenizer.vocab_size, 8, 1, 2, 12, 8)).to(home).eval()
    with mt.backend(backend):
        shares = predict_proba(classifier, tokenizer, ["the soup", "cold"])
        e = explain.lime(partial(predict_proba, classifier, tokenizer), "the soup was cold", num_samples=30)
        vectors = embed(bert, tokenizer, ["the soup", "cold"])
    assert shares.shape == (2, 2) and len(e.as_list()) == 4 and vectors.shape == (2, 8)


def test_arrays_of_the_device_s_own_are_taken():
    x = mt.ones(2, 3)
    assert ((x + x.array) == x.array * 2).all() and [1, 2, 3][mt.tensor(2)] == 3
    assert pad_sequence([x.array, x.array]).device == x[mt.tensor([1, 0]).array].device == "cuda:0"


def test_arrays_of_the_device_s_own_are_batched_compared_and_kept():
    x = mt.tensor([[1.0, 2.0]])
    batch = default_collate([{"x": x.array}, {"x": x.array}])["x"]
    assert batch.device == default_convert(x.array).device == "cuda:0" and batch.shape == (2, 1, 2)
    mt.testing.assert_close(x.array, [[1.0, 2.0]], check_dtype=False)
    with pytest.raises(AssertionError, match="1 of 2 elements differ"):
        mt.testing.assert_close(x.array, mt.tensor([[1.0, 3.0]]))
    layer = nn.Linear(2, 1, bias=False)
    layer.load_state_dict({"weight": x.array})
    assert layer.weight.tolist() == [[1, 2]]
    told = explain.lime(lambda texts: mt.full((len(texts), 2), 0.5).array, "a b c", num_samples=10)
    assert len(told.as_list()) == 3


class Bare(nn.Module):
    """A model without parameters, which says nowhere on which device it is."""

    def forward(self, x):
        return x * mt.tensor([[1.0, 2.0, -1.0]])


def test_a_model_without_parameters_reads_its_inputs_on_the_device_in_use():
    assert explain.certify(Bare(), numpy.array([[3.0, 1.0, 2.0]]), 1).ok


def test_a_loader_gives_what_the_model_can_read():
    """Lists, arrays and tensors of the backend in use; what is on another device stays there, and the model names both."""
    model = random_language_model()
    for samples in ([[1, 2], [3, 4]], numpy.array([[1, 2], [3, 4]]), mt.tensor([[1, 2], [3, 4]])):
        (batch,) = DataLoader(samples, 2, collate_fn=pad_collate)
        assert model(batch).shape == (2, 2, 11)
    (batch,) = DataLoader(mt.tensor([[1, 2], [3, 4]], device="cpu"), 2)
    with pytest.raises(TypeError, match="embedding: expected tensors on one device"):
        model(batch)
    with pytest.raises(
        TypeError, match="embedding: expected a tensor of ids, got list; make one with tensor"
    ):
        model([[1, 2]])


MIXED = {
    "add": lambda here, there: here(2) + there(2),
    "matmul": lambda here, there: here(2, 3) @ there(3, 2),
    "linear": lambda here, there: F.linear(here(2, 3), there(4, 3)),
    "concatenate": lambda here, there: mt.cat([here(2), there(2)]),
    "where": lambda here, there: mt.where(here(2) > 0, here(2), there(2)),
    "layernorm": lambda here, there: F.layer_norm(here(2, 3), (3,), there(3), there(3)),
    "rmsnorm": lambda here, there: F.rms_norm(here(2, 3), (3,), there(3)),
    "embedding": lambda here, there: F.embedding(here(2).long(), there(3, 4)),
    "cross_entropy": lambda here, there: F.cross_entropy(here(2, 3), there(2).long()),
    "attention": lambda here, there: F.scaled_dot_product_attention(
        here(2, 3), here(2, 3), here(2, 3), there(2, 2)
    ),
    "eq": lambda here, there: here(2) == there(2),
    "lt": lambda here, there: here(2) < there(2).array,
    "mul": lambda here, there: here(2) * there(2).array,
    "an in-place edit": lambda here, there: here(2).add_(there(2)),
    "pad_sequence": lambda here, there: pad_sequence([here(2), there(3)]),
    "masked_fill": lambda here, there: here(2).masked_fill(there(2).bool(), 0.0),
    "assignment": lambda here, there: here(2, 3).__setitem__(0, there(3)),
    "padding": lambda here, there: nn.MultiheadAttention(4, 2).to(here(1).device)(
        *[here(3, 1, 4)] * 3, there(1, 3) > 0
    ),
}
NAMED_AS = {"masked_fill": "where", "assignment": "an in-place edit", "padding": "where|eq|masked_fill"}


@pytest.mark.parametrize("name", MIXED)
def test_devices_do_not_mix(name):
    def on(device):
        return lambda *size: mt.ones(*size, device=device)

    message = rf"^{NAMED_AS.get(name, name)}: expected tensors on one device, got .*(cuda:0.*cpu|cpu.*cuda:0); move one with .to"
    for places in (("cuda", "cpu"), ("cpu", "cuda")):
        with pytest.raises(TypeError, match=message):
            MIXED[name](*map(on, places))
