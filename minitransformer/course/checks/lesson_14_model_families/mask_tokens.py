"""What must be true of BERT's masking: what is read, and what is asked."""

import numpy as np

from minitransformer.course.exercise import Exercise, Failed, Nothing, Property
from minitransformer.course.properties import keeps_its_inputs, same

IDS = np.array([[11, 12, 13, 14, 15, 16]])
OTHERS = np.array([[21, 22, 23, 24, 25, 26]])
MASK = 4
RUNS = [(0.0, 0.8, "the mark"), (0.8, 0.9, "themselves"), (0.9, 1.0, "the other token")]
SAME_ARRAY = (
    "`read = ids` is the same array under another name: begin with a copy, ids.copy(), or use np.where."
)


def _pair(answer, ids, *rest):
    """The two arrays that an answer returns. Raises Failed if they are something else, or if it changes the text."""
    mine = ids.copy()
    got = answer(mine, *rest)
    if not np.array_equal(mine, ids):
        raise Failed("ids, the text that went in, was changed in place", hint=SAME_ARRAY)
    if got is None:
        raise Nothing("read and targets")
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise Failed(
            f"expected (read, targets), got {got!r:.80}", hint="`return read, targets`: both, in this order."
        )
    return got


def _case(chosen, fate):
    return IDS.copy(), np.array([chosen], bool), np.array([fate]), OTHERS.copy(), MASK


def _texts(rng):
    ids, others = rng.integers(300, 900, (2, 4, 6))
    return ids, rng.random((4, 6)) < 0.5, rng.random((4, 6)), others, MASK


def _hidden(ids, chosen, fate, others, mask, *, marked=lambda fate: fate < 0.8, other=lambda fate: fate >= 0.9,
            where=None, asked=None, target=None, left_out=-100, swapped=False):  # fmt: skip
    """As the paper has it; the last ones say what may be wrong."""
    changed = chosen if where is None else where(chosen)
    read = np.where(changed & other(fate), others, ids)
    read = np.where(changed & marked(fate), mask, read)
    asked = chosen if asked is None else asked(chosen, fate)
    targets = np.where(asked, ids if target is None else target(read, others), left_out)
    return (targets, read) if swapped else (read, targets)


def _wrong(**wrong):
    return lambda *arguments: _hidden(*arguments, **wrong)


def _partly(rows=slice(None), columns=slice(None), **wrong):
    """Nothing is hidden or asked but in these rows and columns."""

    def answer(ids, chosen, *rest):
        part = np.zeros_like(chosen)
        part[rows, columns] = chosen[rows, columns]
        return _hidden(ids, part, *rest, **wrong)

    return answer


def _others_in_order(ids, chosen, fate, others, mask):
    """The other tokens are taken one after the other, not from the place where they go."""
    read, targets = _hidden(ids, chosen, fate, others, mask)
    swap = chosen & (fate >= 0.9)
    read[swap] = others.ravel()[: swap.sum()]
    return read, targets


def _either(*tested, swap_last=False):
    """`|` in the place of `&`, where the fate is asked for the mark, for the other token, or for both."""

    def answer(ids, chosen, fate, others, mask):
        hide = (np.logical_or if "mark" in tested else np.logical_and)(chosen, fate < 0.8)
        swap = (np.logical_or if "other" in tested else np.logical_and)(chosen, fate >= 0.9)
        first, last = ((hide, mask), (swap, others)) if swap_last else ((swap, others), (hide, mask))
        return np.where(last[0], last[1], np.where(*first, ids)), np.where(chosen, ids, -100)

    return answer


def _other_elsewhere(ids, chosen, fate, others, mask):
    """np.where(chosen & (fate < 0.9), read, others): the other token wherever the condition does not hold."""
    read = np.where(chosen & (fate < 0.8), mask, ids)
    return np.where(chosen & (fate < 0.9), read, others), np.where(chosen, ids, -100)


def _reads(fate, chosen, answer):
    """What is read of a token of each fate: one of the words mark, itself, other token, something else."""
    ids, others = np.full((1, len(fate)), 11), np.full((1, len(fate)), 21)
    read = np.ravel(_pair(answer, ids, np.full(ids.shape, chosen), fate[None], others, MASK)[0])
    words = {MASK: "the mark", 11: "themselves", 21: "the other token"}
    return [words.get(int(token), "something else") for token in read]


def _by_fate(answer):
    """What an answer makes of chosen tokens of each fate, in a sentence; "" if that is right."""
    fate = (np.arange(100) + 0.5) / 100
    try:
        reads = _reads(fate, True, answer)
    except (ValueError, TypeError, IndexError):
        return ""
    starts = [i for i in range(100) if i == 0 or reads[i] != reads[i - 1]]
    runs = [(a / 100, b / 100, reads[a]) for a, b in zip(starts, [*starts[1:], 100], strict=True)]
    if runs == RUNS or len(runs) > 4:
        return ""
    said = ", ".join(f"from {a:g} to {b:g} as {word}" for a, b, word in runs)
    return f"Chosen tokens are read, by their fate, {said}. Up to 0.8 it is the mark, and from 0.9 the other token."


def _none_chosen(answer):
    read, targets = _pair(answer, *_case([0] * 6, [0.5] * 6))
    same(read, IDS, "what is read if no token is chosen")
    same(targets, np.full((1, 6), -100), "the targets if no token is chosen")


def _three_fates(answer):
    read, targets = _pair(answer, *_case([1, 0, 1, 0, 1, 0], [0.3, 0.3, 0.85, 0.85, 0.95, 0.95]))
    expected = [[MASK, 12, 13, 14, 25, 16]]
    what = "what is read of chosen tokens with the fates 0.3, 0.85, 0.95"
    same(read, expected, what, hint=_by_fate(answer))
    same(
        targets,
        [[11, -100, 13, -100, 15, -100]],
        "the targets of chosen tokens with the fates 0.3, 0.85, 0.95",
    )


def _at_the_limits(answer):
    read, _ = _pair(answer, *_case([1] * 6, [0.0, 0.7999, 0.8, 0.8999, 0.9, 0.9999]))
    expected = [[MASK, MASK, 13, 14, 25, 26]]
    what = "what is read with the fates 0, 0.7999, 0.8, 0.8999, 0.9, 0.9999"
    same(read, expected, what, hint=_by_fate(answer))


def _many(answer):
    values = _texts(np.random.default_rng(1))
    for got, expected, what in zip(
        _pair(answer, *values), _by_hand(*values), ("read", "targets"), strict=True
    ):
        same(got, expected, f"{what}, of (4, 6) tokens")


def _by_hand(ids, chosen, fate, others, mask):
    """Token by token."""
    read = ids.tolist()
    targets = [[-100] * ids.shape[1] for _ in ids]
    for i, j in zip(*np.nonzero(chosen), strict=True):
        targets[i][j] = ids[i, j]
        read[i][j] = mask if fate[i, j] < 0.8 else others[i, j] if fate[i, j] >= 0.9 else ids[i, j]
    return read, targets


mask_tokens = Exercise(
    minutes=10,
    level=1,
    hints=(
        "np.where(condition, a, b) takes a where the condition is True, and b elsewhere.",
        "Three cases of what is read: chosen & (fate < 0.8), chosen & (fate >= 0.9), and all others, which stay.",
        "The targets are ids where chosen, and -100 elsewhere, whatever is read there.",
    ),
    why="The loss leaves out what has the target -100. This number is PyTorch's default, `ignore_index`, of cross_entropy.",
    properties=(
        Property(
            "nothing is chosen: the text stays, and nothing is asked",
            _none_chosen,
            "A token that is not chosen is read as it is, and its target is -100.",
        ),
        Property(
            "chosen tokens are hidden, kept or exchanged",
            _three_fates,
            "A chosen token is read as the mark if its fate is below 0.8, as the other token if it is 0.9 or above, and as itself "
            "between them. It is asked in each case.",
        ),
        Property(
            "the limits are 0.8 and 0.9",
            _at_the_limits,
            "The mark stands for fates below 0.8, the other token for fates of 0.9 and above.",
        ),
        Property(
            "many rows are right",
            _many,
            "Each token has its own fate and its own other token, at the same place.",
        ),
        keeps_its_inputs(_texts),
    ),
    examples=lambda rng: (_texts(rng), _case([1] * 6, [0.0, 0.5, 0.8, 0.85, 0.9, 0.95])),
    mistakes={
        "Every chosen token is hidden; one in ten stays, and one in ten is exchanged.": _wrong(
            marked=lambda fate: fate >= 0, other=lambda fate: fate < 0
        ),
        "No chosen token stays: between 0.8 and 0.9 it is read as it is.": _wrong(
            other=lambda fate: fate >= 0.8
        ),
        "No token is exchanged: from 0.9 on, another token is read.": _wrong(other=lambda fate: fate < 0),
        "The tokens between 0.8 and 0.9 are exchanged, and those from 0.9 on stay; it is the reverse.": _wrong(
            other=lambda fate: (fate >= 0.8) & (fate < 0.9)
        ),
        "Fates are the wrong way round: the mark is for those below 0.8.": (
            _wrong(marked=lambda fate: fate >= 0.8, other=lambda fate: fate < 0.1),
            _wrong(marked=lambda fate: fate > 0.8, other=lambda fate: fate < 0.1),
            _wrong(marked=lambda fate: fate >= 0.8),
        ),
        "No token is hidden: below 0.8 it is read as the mark. A second np.where starts from the result of the first.": _wrong(
            marked=lambda fate: fate < 0
        ),
        "Tokens that are not chosen are changed too: their fate does not matter.": (
            _wrong(where=np.ones_like),
            _wrong(where=np.ones_like, asked=lambda chosen, fate: np.ones_like(chosen)),
        ),
        "Tokens that are not chosen are changed, and the chosen ones are not.": _wrong(where=np.logical_not),
        "Every token is asked here; it is the chosen ones only, the others have the target -100.": _wrong(
            asked=lambda chosen, fate: np.ones_like(chosen)
        ),
        "Chosen tokens that are read as they are, or exchanged, are asked too: their targets are their ids.": (
            _wrong(asked=lambda chosen, fate: chosen & (fate < 0.8)),
            _wrong(asked=lambda chosen, fate: chosen & ((fate < 0.8) | (fate >= 0.9))),
            _wrong(asked=lambda chosen, fate: chosen & (fate >= 0.9)),
        ),
        "Chosen tokens that are read as the mark are asked too: the targets of all chosen tokens are their ids.": _wrong(
            asked=lambda chosen, fate: chosen & (fate >= 0.8)
        ),
        "The first row is right, and in all others nothing is hidden or asked: all rows have chosen tokens.": _partly(
            rows=slice(1)
        ),
        "Nothing is hidden or asked in the first row.": _partly(rows=slice(1, None)),
        "Nothing is hidden or asked in the last row.": _partly(rows=slice(-1)),
        "Nothing is hidden or asked in the last place of each row.": _partly(columns=slice(-1)),
        "Nothing is hidden or asked in the first place of each row.": _partly(columns=slice(1, None)),
        "The other token is that of the same place: others[i, j] for read[i, j]; here others are taken one after the other.": (
            _others_in_order
        ),
        "A token is changed where one condition holds, | is or: it must be chosen and have the fate, &.": (
            *(_either(*tested) for tested in (("mark",), ("other",), ("mark", "other"))),
            *(_either(*tested, swap_last=True) for tested in (("mark",), ("other",), ("mark", "other"))),
        ),
        "The last np.where puts the other token wherever its condition does not hold, also where no token is chosen.": (
            _other_elsewhere
        ),
        "What is not chosen is read as -100 here: that is for the targets; it is read as it is.": (
            lambda ids, chosen, *rest: (
                np.where(chosen, _hidden(ids, chosen, *rest)[0], -100),
                np.where(chosen, ids, -100),
            )
        ),
        "What is not chosen is read as the mark here; it is read as it is.": (
            lambda ids, chosen, fate, others, mask: (
                np.where(chosen, _hidden(ids, chosen, fate, others, mask)[0], mask),
                np.where(chosen, ids, -100),
            )
        ),
        "The second result is `chosen`, which tokens are asked; the targets are their ids, and -100 elsewhere.": (
            lambda ids, chosen, *rest: (_hidden(ids, chosen, *rest)[0], chosen)
        ),
        "What is read and asked are the chosen tokens alone: both results have the shape of ids.": (
            lambda ids, chosen, *rest: (_hidden(ids, chosen, *rest)[0][chosen], ids[chosen])
        ),
        "The targets are cut off: their dtype is too small for the ids. Make them with the dtype of ids.": (
            lambda *texts: (_hidden(*texts)[0], _hidden(*texts)[1].astype(np.int8)),
            lambda *texts: (_hidden(*texts)[0], _hidden(*texts)[1].astype(np.uint8)),
        ),
        "The target of a chosen token is the mark here: what is asked is the token that was there, ids.": _wrong(
            target=lambda read, others: MASK
        ),
        "The target is what stood there before, not what is read: take it from ids, before they are changed.": _wrong(
            target=lambda read, others: read
        ),
        "The target is the other token here; it is the true one, of ids.": _wrong(
            target=lambda read, others: others
        ),
        "The targets are the wrong way round: the chosen tokens are asked.": _wrong(
            asked=lambda chosen, fate: ~chosen
        ),
        "Where nothing is asked the target is -100, the number that the loss leaves out.": (
            _wrong(left_out=0),
            _wrong(left_out=-1),
            _wrong(left_out=100),
            _wrong(left_out=MASK),
        ),
        "The two results have changed places: what is read comes first.": _wrong(swapped=True),
        "At the limits: 0.8 stays, and 0.9 is exchanged.": (
            _wrong(marked=lambda fate: fate <= 0.8),
            _wrong(other=lambda fate: fate > 0.9),
            _wrong(marked=lambda fate: fate <= 0.8, other=lambda fate: fate > 0.9),
        ),
    },
)
