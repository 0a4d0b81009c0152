"""`generation_config.json`: greedy text of a folder's model ends where transformers ends it."""

import json

import pytest
from later import torch

import minitransformer as mt
from minitransformer.cli.opened import start_of, stops_of
from minitransformer.files import FileError
from minitransformer.generation import generate
from minitransformer.models.folder.generating import Marks, marks_of

transformers = pytest.importorskip("transformers", reason="transformers is the judge here, and no dependency")
pytestmark = pytest.mark.slow

SIZES = {
    "vocab_size": 24, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
    "intermediate_size": 20, "max_position_embeddings": 40, "pad_token_id": 0,
}  # fmt: skip
T5 = {"vocab_size": 24, "d_model": 16, "d_kv": 8, "d_ff": 20, "num_layers": 2, "num_heads": 2}
PROMPT = [3, 14, 15]


@pytest.fixture
def folder(tmp_path):
    """A function that writes a folder with a model of random weights, and what its two configurations say besides."""

    def write(kind, sizes, said=None, generation=None):
        torch.manual_seed(1)
        name = {"Llama": "LlamaForCausalLM", "T5": "T5ForConditionalGeneration"}[kind]
        model = getattr(transformers, name)(getattr(transformers, f"{kind}Config")(**sizes))
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(torch.randn_like(p) * 0.6)
        model.save_pretrained(tmp_path)
        config = json.loads((tmp_path / "config.json").read_text())
        (tmp_path / "config.json").write_text(json.dumps(config | (said or {})))
        (tmp_path / "generation_config.json").unlink()
        if generation is not None:
            (tmp_path / "generation_config.json").write_text(json.dumps(generation))
        return tmp_path

    return write


def theirs(folder, kind, prompt, **options):
    """What transformers writes in at most 12 tokens, with the end that it stopped at."""
    name = {"Llama": "AutoModelForCausalLM", "T5": "AutoModelForSeq2SeqLM"}[kind]
    model = getattr(transformers, name).from_pretrained(folder).eval()
    ids = torch.tensor([prompt])
    with torch.no_grad():
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=12, **options
        )[0]
    return out[len(prompt) if kind == "Llama" else 1 :].tolist()


def ended(text, stops):
    """A text without its end."""
    return text[:-1] if text[-1] in stops else text


def text_of(folder):
    """Twelve tokens without an end: Llama's greedy text."""
    return theirs(folder, "Llama", PROMPT, eos_token_id=None)


@pytest.mark.parametrize(
    "said, generation, ends",
    [
        ({"eos_token_id": "b"}, None, "b"),
        ({"eos_token_id": ["c", "b"]}, None, "cb"),
        ({"eos_token_id": "b"}, {"eos_token_id": "c"}, "c"),
        ({"eos_token_id": "b"}, {"eos_token_id": ["c", "a"], "pad_token_id": "b"}, "ca"),
        ({"eos_token_id": "b"}, {"pad_token_id": 0}, ""),
        ({"eos_token_id": None}, {"eos_token_id": ["b"], "bos_token_id": 1}, "b"),
    ],
)
def test_greedy_text_ends_where_transformers_ends_it(folder, said, generation, ends):
    free = list(dict.fromkeys(text_of(folder("Llama", SIZES, {"eos_token_id": None}))))
    assert len(free) > 3
    tokens = {"a": free[3], "b": free[2], "c": free[1]}

    def with_tokens(value):
        return [tokens[v] for v in value] if isinstance(value, list) else tokens.get(value, value)

    given = [config and {key: with_tokens(v) for key, v in config.items()} for config in (said, generation)]
    path = folder("Llama", SIZES, *given)
    model, _ = mt.models.from_folder(path)
    assert model.stop_ids == [tokens[letter] for letter in ends]
    expected = theirs(path, "Llama", PROMPT)
    assert generate(model, PROMPT, 12, temperature=0, stop_id=model.stop_ids) == ended(
        expected, model.stop_ids
    )
    assert len(expected) == (12 if not ends else min(free.index(tokens[letter]) for letter in ends) + 1)


def test_both_files_come_back(folder, tmp_path):
    path = folder("Llama", SIZES, {"eos_token_id": [4, 7]}, {"eos_token_id": [5, 6], "do_sample": True})
    model, _ = mt.models.from_folder(path)
    model.save_folder(tmp_path / "again")
    for name in ("config.json", "generation_config.json"):
        again, before = (json.loads((p / name).read_text()) for p in (tmp_path / "again", path))
        assert again == before
    assert mt.models.from_folder(tmp_path / "again")[0].stop_ids == [5, 6]


@pytest.mark.parametrize("generation, start", [({"decoder_start_token_id": 7}, 7), ({"bos_token_id": 9}, 9)])
def test_an_answer_begins_and_ends_as_the_folder_says(folder, generation, start):
    said = {"decoder_start_token_id": 0, "eos_token_id": 1}
    path = folder("T5", T5, said, {"eos_token_id": 2, "pad_token_id": 0, **generation})
    model, _ = mt.models.from_folder(path)
    assert (model.start_id, model.stop_ids) == (start, [2])
    found = generate(model.answer(mt.tensor([PROMPT])), [start], 12, temperature=0, stop_id=model.stop_ids)
    assert found == ended(theirs(path, "T5", PROMPT), [2])


@pytest.mark.parametrize(
    "text, complaint",
    [
        ('{"eos_token_id": "</s>"}', "eos_token_id: expected an id, a list of ids, or null, got '</s>'"),
        ('{"eos_token_id": [1, null]}', "eos_token_id: expected an id"),
        ('{"bos_token_id": true}', "bos_token_id: expected an id"),
        ("[]", "expected names and values, got list"),
        ("{", "generation_config.json"),
    ],
)
def test_a_damaged_file_is_refused_by_name(folder, text, complaint):
    path = folder("Llama", SIZES)
    (path / "generation_config.json").write_text(text)
    with pytest.raises(FileError) as refused:
        mt.models.from_folder(path)
    assert complaint in str(refused.value) and "generation_config.json" in str(refused.value)


def test_marks():
    assert marks_of({}) == Marks() == ((), None)
    assert marks_of({"eos_token_id": 0, "bos_token_id": 3}) == ((0,), 3)
    assert marks_of({"eos_token_id": [], "bos_token_id": 3, "decoder_start_token_id": 0}) == ((), 0)


def test_commands_end_a_text_as_the_folder_says_or_else_by_the_tokenizer_s_own_end(folder):
    model, _ = mt.models.from_folder(folder("Llama", SIZES, {"eos_token_id": [4, 7]}))
    silent, _ = mt.models.from_folder(folder("Llama", SIZES, {"eos_token_id": None}))
    assert stops_of(model, Ends(9)) == [4, 7]
    assert stops_of(silent, Ends(9)) == [9] and stops_of(silent, Ends(None)) == []
    answering, _ = mt.models.from_folder(folder("T5", T5, {"decoder_start_token_id": 0}))
    assert start_of(answering) == 0


class Ends:
    """The part of a tokenizer that is asked for its end."""

    def __init__(self, end_id):
        self.end_id = end_id
