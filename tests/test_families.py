"""Every family that folders may hold, in small, against the outputs of `references/families_tiny.py`."""

import numpy as np
import pytest
from references.families_tiny import ANSWER, CASES, DECODES, FILE, IDS, MASK, PIXELS
from references.lxt_efficient import weights

import minitransformer as mt
from minitransformer.models.folder.families import FAMILIES

KEPT = dict(np.load(FILE))


@pytest.mark.parametrize("kind", CASES)
def test_outputs_are_those_of_transformers(kind):
    model_type, sizes = CASES[kind]
    family = FAMILIES[kind]
    model = family.build(family.config.from_published(sizes | {"model_type": model_type})).double().eval()
    drawn = {name: weights(name, array.shape) for name, array in family.names.write(model).items()}
    model.load_state_dict(family.names.read(model, drawn))
    if kind.startswith("ViT"):
        found = model(mt.tensor(PIXELS).double())
    else:
        answer = [mt.tensor(ANSWER)] if kind in DECODES else []
        found = model(mt.tensor(IDS), *answer, attention_mask=mt.tensor(MASK))
    for i, got in enumerate(found if isinstance(found, tuple) else (found,)):
        expected = KEPT[f"{kind} {i}"]
        real = MASK.astype(bool) if got.shape[:2] == MASK.shape else np.ones(got.shape[:1], bool)
        assert got.shape == expected.shape
        got, expected = got.numpy()[real], expected[real]
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-6 * abs(expected).max())


def test_every_kept_output_is_read():
    assert {name.split()[0] for name in KEPT} == set(CASES) <= set(FAMILIES)
