"""Tokenizers of folders, against those of transformers: the same ids, the same text back, the same conversations."""

import random

import pytest

from minitransformer.tokenization.folder import read_tokenizer

pytestmark = pytest.mark.slow
transformers = pytest.importorskip("transformers", reason="transformers is the judge here, and no dependency")
tokenizers = pytest.importorskip("tokenizers")

CORPUS = [
    "The cat sat on the mat, and the dog's bone was 12.5 cm long.",
    "Ein Haus am Meer; naïve café, 東京 日本語 한국어",
] * 9
STRANGE = (
    "a", "Z", "é", "e\u0301", "ß", "İ", "ǅ", "ﬁ", "東", "한", "ا", "🙂", "👩‍👩‍👧", "\u200d",
    "\u00a0", "\u3000", "\t", "\n", "\r\n", "  ",
    "'s", "'", "…", "½", "٣", "123", "1,000", "-", "_", "##", "▁", "Ġ", "<s>", "</s>", "[CLS]", "[MASK]", "<pad>", "<unk>",
    "<|endoftext|>", "\x00", "\u202e", "\ufeff", "the", "cat", "house", ".", "?!", "C++", "x=y", "𝔘", "\U000e0041", "ﷺ",
)  # fmt: skip
LONG = ["x" * 120, "", " ", "\u0301", "the " * 50]
TURNS = [
    {"role": "user", "content": "Hi <b>"},
    {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "Why?"},
]
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}\n  {% if loop.index > 9 %}{% break %}{% endif %}\n"
    "<{{ m['role'] }}>{{ m.content | trim | tojson }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


def texts():
    draw = random.Random(0)
    return LONG + ["".join(draw.choices(STRANGE, k=draw.randint(1, 12))) for _ in range(200)]


def trained(kind, **options):
    """A tokenizer of transformers whose vocabulary is learned from the corpus."""
    base = getattr(transformers, kind)(**options)
    return base.train_new_from_iterator(CORPUS, 400)


MADE = {
    "bert": lambda: trained("BertTokenizer"),
    "bert, cased": lambda: trained("BertTokenizer", do_lower_case=False),
    "distilbert": lambda: trained("DistilBertTokenizer"),
    "gpt2": lambda: trained("GPT2Tokenizer"),
    "roberta": lambda: trained("RobertaTokenizer"),
    "qwen2": lambda: trained("Qwen2Tokenizer"),
    "llama": lambda: trained("LlamaTokenizer", add_bos_token=True),
    "llama, both ends": lambda: trained("LlamaTokenizer", add_bos_token=True, add_eos_token=True),
    "t5": lambda: trained("T5Tokenizer"),
}


@pytest.fixture(params=MADE)
def case(request, tmp_path):
    return saved(request.param, tmp_path)


def saved(name, folder):
    """(the family, the folder, transformers' tokenizer of it)."""
    made = MADE[name]()
    made.save_pretrained(folder)
    return name.partition(",")[0], folder, type(made).from_pretrained(folder)


def same(ours, theirs):
    for text in texts():
        ids = theirs(text)["input_ids"]
        assert ours.encode(text) == ids, text
        assert ours.encode(text, marks=False) == theirs(text, add_special_tokens=False)["input_ids"], text
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True), text
        assert ours.decode(ids, marks=True) == theirs.decode(ids), text


def test_ids_and_texts_are_theirs(case):
    family, folder, theirs = case
    ours = read_tokenizer(folder, family)
    same(ours, theirs)
    assert ours.end_id == theirs.eos_token_id or theirs.eos_token_id is None
    assert theirs.pad_token_id is None or ours.pad_id == theirs.pad_token_id


@pytest.mark.parametrize("name", ["bert", "bert, cased", "distilbert", "gpt2", "roberta", "qwen2"])
def test_the_files_of_older_folders_are_read(name, tmp_path):
    family, folder, theirs = saved(name, tmp_path)
    theirs._tokenizer.model.save(str(folder))
    (folder / "tokenizer.json").unlink()
    same(read_tokenizer(folder, family), theirs)


def test_what_is_written_back_is_what_was_read(case, tmp_path):
    family, folder, theirs = case
    again = tmp_path / "again"
    again.mkdir()
    for name, content in read_tokenizer(folder, family).files.items():
        (again / name).write_bytes(content)
    same(read_tokenizer(again, family), type(theirs).from_pretrained(again))
    assert type(theirs).from_pretrained(again)(CORPUS[0]) == theirs(CORPUS[0])


def test_conversations_are_theirs(case):
    family, folder, theirs = case
    theirs.chat_template = TEMPLATE
    theirs.save_pretrained(folder)
    ours = read_tokenizer(folder, family)
    for answer in (True, False):
        expected = theirs.apply_chat_template(TURNS, tokenize=False, add_generation_prompt=answer)
        assert ours.chat(TURNS, answer) == expected


def test_a_file_of_sentencepiece_is_read_as_they_read_it(tmp_path):
    spm = pytest.importorskip("sentencepiece", reason="it writes the file")
    pytest.importorskip("google.protobuf", reason="transformers reads the file with it")
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_prefix=str(tmp_path / "spiece"), vocab_size=120, hard_vocab_limit=False,
        minloglevel=2, model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1,
    )  # fmt: skip
    theirs = transformers.T5Tokenizer.from_pretrained(tmp_path)
    ours = read_tokenizer(tmp_path, "t5")
    for text in texts():
        assert ours.encode(text) == theirs(text)["input_ids"], text
    assert ours.id_of("<extra_id_0>") == theirs.convert_tokens_to_ids("<extra_id_0>")
