"""What all methods of explanation share: one question, one answer, one meaning for each argument, few files to read."""

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from lrp_models import IDS, classifier, language_model

import minitransformer as mt
from minitransformer import explain, models, nn
from minitransformer.devices import to_host
from minitransformer.explain import attention_flow
from minitransformer.utils.checkpoint import checkpoint

ROOT = Path(mt.__file__).parent
OF_A_MODEL = (
    "lrp gradient_x_input integrated_gradients smooth_grad occlusion attention_rollout generic_attention "
    "layer_relevance head_relevance"
).split()
CONTRACT = {
    "lrp": "model ids target rule position form eps batch_first",
    "relevance": "output wrt rule form eps",
    "lime": "predict text label num_features num_samples seed bow tokenizer",
    "faithfulness": "logit ids relevance replace",
}


def positional(method):
    """The names of the arguments that may be given by position."""
    parameters = inspect.signature(getattr(explain, method)).parameters.values()
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


# ---- arguments ----


@pytest.mark.parametrize("method", OF_A_MODEL)
def test_methods_ask_by_position_for_model_ids_and_target(method):
    assert positional(method) == CONTRACT.get(method, "model ids target").split()


@pytest.mark.parametrize("method", CONTRACT)
def test_positions_of_the_contract(method):
    assert positional(method) == CONTRACT[method].split()


def test_an_argument_has_one_default_in_all_methods():
    defaults = {}
    for method in (*OF_A_MODEL, "lrp_answer", "relevance", "account"):
        for p in inspect.signature(getattr(explain, method)).parameters.values():
            if p.default is not p.empty:
                defaults.setdefault(p.name, set()).add(p.default)
    assert {name: values for name, values in defaults.items() if len(values) > 1} == {}


@pytest.mark.parametrize(
    "method, old, new",
    [
        ("smooth_grad", "samples", "num_samples"),
        ("standard_methods", "samples", "num_samples"),
        ("layer_relevance", "layers", "pattern"),
        ("evidence_found", "place", "position"),
    ],
)
def test_an_argument_that_was_renamed_raises_with_the_new_name(method, old, new):
    function = getattr(explain, method)
    assert new in inspect.signature(function).parameters and old not in inspect.signature(function).parameters
    with pytest.raises(TypeError, match=f"{method}: the argument '{old}' is called '{new}' now"):
        function(language_model(), IDS, **{old: 1})


# ---- the question ----


@pytest.mark.parametrize("target", [None, 3, (3, 5), explain.LogOdds(3)])
def test_the_output_is_a_weighted_sum_of_the_logits(target):
    asked = explain.Question(language_model(), IDS, target, position=2)
    logits = asked.logits.numpy()[0, 2]
    others = np.delete(logits, 3)
    expected = {
        "None": logits.max(),
        "3": logits[3],
        "(3, 5)": logits[3] - logits[5],
        "LogOdds(3)": logits[3] - np.log(np.exp(others).sum()),
    }[str(target)]
    assert asked.output == pytest.approx(expected, abs=1e-12)
    weighed = to_host(asked.weights) * asked.logits.numpy()
    assert weighed.sum() + asked.constant == pytest.approx(expected, abs=1e-12)


def test_asking_again_with_the_same_vectors_gives_the_same_output_and_gradients():
    model = language_model()
    asked = explain.Question(model, [IDS, IDS[::-1]], [2, explain.LogOdds(4)])
    output, lookups = asked.rerun(lambda embedding, x: x.copy())
    assert output == pytest.approx(asked.output, abs=1e-12)
    slopes = asked.gradients(asked.vectors)
    for (_, x, slope), vectors, expected in zip(lookups, asked.vectors, slopes, strict=True):
        assert np.array_equal(to_host(x), vectors.numpy())
        np.testing.assert_allclose(to_host(slope), to_host(expected), rtol=0, atol=1e-12)


def test_each_text_of_an_encoder_decoder_has_its_own_vectors_even_if_both_are_equal():
    model = models.T5(models.T5Config(20, 8, 4, 12, 2, 2, 2)).double().eval()
    asked = explain.Question(model, [3, 4, 5], source=[3, 4, 5])
    first = min(t.op.number for t in asked.vectors)  # the encoder reads the source before the decoder runs
    marks = [np.full(t.shape, 1.0 if t.op.number == first else 2.0) for t in asked.vectors]
    assert len(marks) == 2 and asked.total(marks).tolist() == [[8, 8, 8, 16, 16, 16]]


def test_an_answer_of_an_encoder_decoder_is_explained_with_the_source_before_it():
    found = explain.lrp_answer(models.T5(models.T5Config(20, 8, 4, 12, 2, 2, 2)).eval(), [3, 4, 5], [0, 6])
    assert found.ids.tolist() == [3, 4, 5, 0, 6] and found.relevance.shape == (5,)


def test_attention_weights_are_recorded_on_the_tape_of_the_logits_only_if_asked():
    asked = explain.Question(classifier(num_layers=2), IDS, attention=True)
    assert len(asked.attention) == 2 and all(t.op in asked.ops for t in asked.attention)
    assert explain.Question(classifier(num_layers=2), IDS).attention == []
    with nn.record_attention() as weights:
        classifier()(mt.tensor([IDS]))
    assert all(t.op is None for t in weights)


def test_attention_that_is_not_on_the_tape_has_no_gradients():
    model = classifier(num_layers=1)
    inner = model.encoder

    class Recomputed(nn.Module):
        def forward(self, *args, **kwargs):
            return checkpoint(lambda: inner(*args, **kwargs))

    model.encoder = Recomputed()
    with pytest.raises(ValueError, match="gradient checkpointing leaves none there"):
        attention_flow.attention_slopes(explain.Question(model, IDS, attention=True))


# ---- how many files answer it ----


ENTERED = """
import sys
from pathlib import Path
import minitransformer as mt

class Writer(mt.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.head = mt.nn.Embedding(20, 8), mt.nn.Linear(8, 20)
        self.layer = mt.nn.TransformerEncoderLayer(8, 2, 12, batch_first=True)

    def forward(self, ids):
        return self.head(self.layer(self.embedding(ids)))

root, entered, model = Path(mt.__file__).parent, set(), Writer()
mt.explain.lrp(model, [3, 4, 5])
sys.setprofile(lambda frame, event, value: entered.add(frame.f_code.co_filename))
mt.explain.lrp(model, [3, 4, 5])
sys.setprofile(None)
inside = [Path(name).relative_to(root) for name in entered if name.startswith(str(root))]
print(*sorted(path.as_posix() for path in inside if path.parts[0] not in ("nn", "ops", "kernels")))
"""


def test_few_files_answer_why():
    done = subprocess.run([sys.executable, "-c", ENTERED], capture_output=True, text=True, cwd=ROOT.parent)
    assert done.returncode == 0, done.stderr
    engine = {"autograd/engine.py", "autograd/grads.py", "backends/__init__.py", "devices.py", "settings.py"}
    explaining = {f"explain/{name}.py" for name in ("question", "walk", "rules", "explanation")}
    entered = set(done.stdout.split()) - {"anomaly.py"}  # on a device it says whether ids are looked at
    assert explaining <= entered <= engine | explaining and len(entered) <= 8
