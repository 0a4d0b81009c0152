"""Text as it grows: whole letters only, and nothing of the string that ends it."""

import pytest

from minitransformer.generation import growing_text
from minitransformer.generation.text import held_back
from minitransformer.tokenization import BPETokenizer, CharTokenizer

BYTES = BPETokenizer.train("aé", vocab_size=258)


def test_a_letter_of_several_bytes_comes_whole():
    assert list(growing_text(BYTES, BYTES.encode("a"), BYTES.encode("é\N{GRINNING FACE}b"))) == [
        "é",
        "\N{GRINNING FACE}",
        "b",
        "",
    ]


def test_half_a_letter_at_the_end_is_shown_as_such():
    assert list(growing_text(BYTES, [], BYTES.encode("aé")[:-1])) == ["a", "\N{REPLACEMENT CHARACTER}"]


@pytest.mark.parametrize(
    "text", ["a€b", "é", "\N{GRINNING FACE}\N{GRINNING FACE}", "a\N{REPLACEMENT CHARACTER}b"]
)
def test_a_letter_may_begin_before_the_new_tokens(text):
    ids = BYTES.encode(text)
    for cut in range(len(ids) + 1):
        before = BYTES.decode(ids[:cut])
        if before and not text.startswith(before):
            before = before.rstrip("\N{REPLACEMENT CHARACTER}")
        assert before + "".join(growing_text(BYTES, ids[:cut], ids[cut:])) == text


def test_an_unknown_letter_before_the_new_tokens_is_no_half_letter():
    ids = [*LETTERS.encode("ab"), LETTERS.unk_id]
    assert "".join(growing_text(LETTERS, ids, LETTERS.encode("cd"))) == "cd"


LETTERS = CharTokenizer.train("abcdefgh. ")


@pytest.mark.parametrize(
    "stop, expected",
    [
        ((), "abc. abd. h"),
        (("abd",), "abc. "),
        (("d", ". a"), "abc"),
        (("h.",), "abc. abd. h"),
        (("abc",), ""),
    ],
)
def test_it_ends_before_a_string_to_stop_at(stop, expected):
    pieces = growing_text(LETTERS, LETTERS.encode("ab"), LETTERS.encode("abc. abd. h"), stop)
    assert "".join(pieces) == expected


def test_nothing_is_read_after_the_stop():
    tokens = iter(LETTERS.encode("abcdef"))
    assert "".join(growing_text(LETTERS, [], tokens, ("c",))) == "ab"
    assert LETTERS.decode(tokens) == "def"


def test_no_piece_shows_the_beginning_of_a_stop():
    shown = ""
    for piece in growing_text(LETTERS, [], LETTERS.encode("ababac"), ("abac",)):
        shown += piece
        assert "ab".startswith(shown)
    assert shown == "ab"


def test_how_much_is_held_back():
    assert (
        held_back("so <|im", ("<|im_end|>",)) == 4
        and held_back("so", ("x",)) == 0
        and held_back("xx", ("xxx", "xy")) == 2
    )


def test_nothing_to_stop_at():
    with pytest.raises(ValueError, match="at least one letter"):
        list(growing_text(LETTERS, [], [], ("",)))
