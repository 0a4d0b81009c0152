"""Lesson 04: the checks of byte pair encoding and of embeddings are held against right and wrong answers."""

import pytest
from cases import assert_judged_right, assert_mistake, assert_mistakes_are_named, changed, solved

from minitransformer.course.sandbox import check_file
from minitransformer.tokenization import BPETokenizer
from minitransformer.tokenization.byte_pair import FIRST_MERGE, byte_ids

NAMES = ("merge_pair", "most_frequent_pair", "bpe_encode", "embedding", "embedding_vjp")

OTHERWISE = {
    "merge_pair": """
def merge_pair(ids, pair, new):
    out = []
    fresh = False
    for i in ids:
        if out and not fresh and out[-1] == pair[0] and i == pair[1]:
            out[-1] = new
            fresh = True
        else:
            out.append(i)
            fresh = False
    return tuple(out)
""",
    "most_frequent_pair": """
def most_frequent_pair(words):
    table = {}
    for word in words:
        for i in range(len(word) - 1):
            key = word[i], word[i + 1]
            table[key] = table.get(key, 0) + words[word]
    ranked = sorted((-count, pair) for pair, count in table.items() if count >= 2)
    return ranked[0][1] if ranked else None
""",
    "bpe_encode": """
def bpe_encode(ids, merges):
    for (a, b), new in sorted(merges.items(), key=lambda item: item[1]):
        out = []
        for i in ids:
            if out and (out[-1], i) == (a, b):
                out[-1] = new
            else:
                out.append(i)
        ids = out
    return tuple(ids)
""",
    "embedding": """
import numpy as np
def embedding(weight, ids):
    onehot = (ids[..., None] == np.arange(len(weight))).astype(weight.dtype)
    return onehot @ weight
""",
    "embedding_vjp": """
import numpy as np
def embedding_vjp(g, ids, vocab_size):
    onehot = (np.arange(vocab_size)[:, None] == ids.ravel()).astype(g.dtype)
    return onehot @ g.reshape(-1, g.shape[-1])
""",
}
FIRST = "pair = next(pair for pair, new in merges.items() if new == first)"
BEST = "    return min(pair for pair in counts if counts[pair] == most) if most > 1 else None"
WRONG = {
    "merge_pair": [
        ("return tuple(merged)", "return merged", "a tuple may be a key"),
        ("    merged = []", "    text = ' '.join(map(str, ids)).replace(' '.join(map(str, pair)), str(new))\n"
         "    return tuple(map(int, text.split()))\n    merged = []", "as text, 12 begins like 1"),
        ("    merged = []", "    return tuple(bytes(ids).replace(bytes(pair), bytes([new])))\n    merged = []",
         "bytes end at 255"),
        ("tuple(ids[i : i + 2]) == tuple(pair)", "ids[i] == pair[0] and ids[i + 1] == pair[1]", "beyond the end"),
        ("merged.append(new if found else ids[i])", "merged = merged.append(new if found else ids[i])", "changes in place"),
        ("i += 2 if found else 1", "i += 3 if found else 1", "An id too many"),
        ("tuple(ids[i : i + 2]) == tuple(pair)", "ids[i] == pair[0]", "The first id alone"),
        ("i += 2 if found else 1", "i += 1", "still there"),
        ("return tuple(merged)", "return tuple(merged[:-1])", "two places are passed"),
        ("while i < len(ids):", "while i < len(ids) - 1:", "The last id is lost"),
        ("tuple(ids[i : i + 2]) == tuple(pair)", "set(ids[i : i + 2]) == set(pair)", "== pair asks"),
        ("tuple(ids[i : i + 2]) == tuple(pair)", "sorted(ids[i : i + 2]) == sorted(pair)", "the order counts"),
        ("tuple(ids[i : i + 2]) == tuple(pair)", "tuple(ids[i : i + 2]) == tuple(pair) and new not in merged",
         "Only the first place"),
        ("merged.append(new if found else ids[i])", "merged.extend([] if found else [ids[i]])", "The pair is deleted"),
        ("    return tuple(merged)", "    tuple(merged)", "return"),
        ("    merged = []", "    ids, pair = ids[::-1], pair[::-1]\n    merged = []", "two places are passed"),
    ],
    "most_frequent_pair": [
        ("if most > 1 else None", "if most > 2 else None", "two are enough"),
        ("        for pair in zip(word, word[1:], strict=False):\n",
         "        last = None\n        for i, pair in enumerate(zip(word, word[1:])):\n            if last == (pair, i - 1):\n"
         "                last = None\n                continue\n            last = pair, i\n", "Places that overlap"),
        ("counts[pair] += number", "counts[tuple(sorted(pair))] += number", "do not sort"),
        ("counts[pair] += number", "counts[pair] = number", "the last word"),
        ("zip(word, word[1:], strict=False)", "zip(word[:-1], word[1:-1])", "The last pair of each word"),
        (BEST, "    return [pair for pair in counts if counts[pair] == most] if most > 1 else None", "the pair itself"),
        (BEST, "    words.clear()\n" + BEST, "Only look at `words`"),
        (BEST, BEST.replace("return ", ""), "Is there a `return`?"),
        ("+= number", "+= 1", "Each word counts once"),
        ("    counts = Counter()\n", "    counts = Counter()\n    words = {sum((w * n for w, n in words.items()), ()): 1}\n",
         "from one word into the next"),
        ("in zip(word, word[1:], strict=False):\n            counts", "in set(zip(word, word[1:])):\n            counts",
         "twice in a word"),
        (BEST, "    return counts.most_common(1)[0][0] if most > 1 else None", "seen first"),
        (BEST, "    return max(p for p in counts if counts[p] == most) if most > 1 else None", "takes the largest"),
        (BEST, "    return min(counts, key=lambda p: (-counts[p], p), default=None)", "not worth an id"),
        (BEST, "    return (*min(p for p in counts if counts[p] == most), most) if most > 1 else None", "without its count"),
    ],
    "bpe_encode": [
        ("first = min(found)", "first = merges[min(p for p in zip(ids, ids[1:]) if p in merges)]", "the smallest pair"),
        ("    return tuple(ids)", "    return list(ids)", "a tuple may be a key"),
        ("ids = merge_pair(ids, pair, first)", "ids = merge_pair(ids, pair, first)\n        merges.pop(pair)",
         "Only look at `merges`"),
        ("for pair in zip(ids, ids[1:], strict=False) if pair in merges]", "for pair in zip(ids, ids[1:], strict=False)]",
         "There is no such key"),
        (FIRST, "pair = next(p for p in zip(ids, ids[1:]) if p in merges)\n        first = merges[pair]",
         "what comes first in the word"),
        ("first = min(found)", "first = max(found)", "learned last"),
        ("ids = merge_pair(ids, pair, first)", "return merge_pair(ids, pair, first)", "Only one merge"),
        ("    while found",
         "    for pair in list(merges)[::-1]:\n        ids = merge_pair(ids, pair, merges[pair])\n    return ids\n    while found",
         "not backwards"),
        ("    while found",
         "    for pair in merges:\n        if max(pair) < min(merges.values()):\n            ids = "
         "merge_pair(ids, pair, merges[pair])\n"
         "    return ids\n    while found", "Merge merged pieces again"),
        ("    while found", "    return ids\n    while found", "Nothing is merged"),
    ],
    "embedding": [
        ("return weight[ids]", "return weight * ids[:, None]", "says which row"),
        ("return weight[ids]", "return ids @ weight", "says which row"),
        ("return weight[ids]", "return np.take(weight, ids)", "without axis=0"),
        ("return weight[ids]", "return weight[ids, ids]", "weight[id, id]"),
        ("return weight[ids]", "return weight[ids].T", "transposed"),
        ("return weight[ids]", "return weight[ids].mean(-1)", "their mean"),
        ("return weight[ids]", "return weight[ids] * weight.shape[1] ** 0.5", "scaled"),
        ("return weight[ids]", "found = weight[ids]\n    weight[0] = 0\n    return found", "Work on a copy"),
        ("return weight[ids]", "return weight.T[ids]", "transposes them"),
        ("return weight[ids]", "return weight[:, ids]", "picks columns"),
        ("return weight[ids]", "return np.array(weight)[ids - 1]", "One row too early"),
        ("return weight[ids]", "return np.eye(weight.shape[0])[ids]", "one-hot vectors"),
        ("return weight[ids]", "return np.sum(weight[ids], axis=0)", "adds them up"),
        ("return weight[ids]", "return weight[list(set(ids.ravel().tolist()))]", "Each row once"),
        ("return weight[ids]", "return weight[ids].astype(float)", "dtype of the table"),
        ("return weight[ids]", "return weight[ids.ravel()]", "weight[np.array([3, 0])]"),
    ],
    "embedding_vjp": [
        ("    np.add.at(out, ids, g)\n    return out", "    return np.add.at(out, ids, g)", "changes in place and gives None"),
        ("np.add.at(out, ids, g)", "for line, place in zip(g, ids):\n        out[place] += line", "Of each line"),
        ("np.add.at(out, ids, g)", "np.add.at(out, ids, g / ids.size)", "divides by the number of places"),
        ("np.zeros((vocab_size, ", "np.zeros((ids.max() + 1, ", "used or not"),
        ("np.add.at(out, ids, g)", "out[ids] += g", "np.add.at"),
        ("np.add.at(out, ids, g)", "out[ids] = g", "np.add.at"),
        ("np.add.at(out, ids, g)", "np.add.at(out, ids, 1.0)", "counts how often"),
        ("np.add.at(out, ids, g)",
         "np.add.at(out, ids, g)\n    for v in set(ids.ravel().tolist()):\n        out[v] /= (ids == v).sum()", "mean over"),
        ("np.add.at(out, ids, g)", "np.add.at(out, ids - 1, g)", "One row too early"),
        ("np.add.at(out, ids, g)", "np.add.at(out, ids, g.sum(-1, keepdims=True))", "sum over channels"),
        (", g.dtype)", ")", "np.zeros makes float64"),
        ("    return out", "    return out[ids]", "A row for each id"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_stub_solution_and_another_solution(name):
    assert_judged_right(name, OTHERWISE[name])


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_s_own_mistakes(name):
    assert_mistakes_are_named(name)


@pytest.mark.parametrize(
    ("name", "old", "new", "said"), [(n, *w) for n, wrong in WRONG.items() for w in wrong]
)
def test_wrong_answers_are_named(name, old, new, said):
    assert_mistake(name, changed(solved(name), old, new), said)


def test_the_exercises_make_the_library_s_tokenizer():
    space = {}
    exec(solved("bpe_encode"), space)
    text = "the other third of the things that they thought of, thoroughly"
    words = {}
    for word in text.split(" "):
        words[byte_ids(word)] = words.get(byte_ids(word), 0) + 1
    merges = {}
    while len(merges) < 8 and (pair := space["most_frequent_pair"](words)):
        merges[pair] = FIRST_MERGE + len(merges)
        words = {space["merge_pair"](word, pair, merges[pair]): n for word, n in words.items()}
    tokenizer = BPETokenizer(tuple(merges))
    for word in text.split(" "):
        assert list(space["bpe_encode"](byte_ids(word), merges)) == tokenizer.encode(word)


def test_through_the_sandbox(tmp_path):
    file = tmp_path / "04_tokens_and_embeddings.py"
    file.write_text(solved("embedding"), encoding="utf-8")
    assert check_file("bpe_encode", file).passed
    file.write_text("def bpe_encode(ids, merges):\n    while True: pass\n", encoding="utf-8")
    assert check_file("bpe_encode", file, seconds=3).status == "stopped"
