"""Lesson 10: what comes next, and the likeliest text. (The cache stands with the heads.)"""

from __future__ import annotations

import numpy

from minitransformer.course.places.place import Place, Places
from minitransformer.generation import beam, sampling
from minitransformer.generation.beam import Draft
from minitransformer.generation.reading import last_logits


def draw(mine, own):
    return lambda p, random: int(mine(p, random.random()))


def keep_top_k(mine, own):
    def shares(logits, temperature=1.0, top_k=None, top_p=None):
        if top_k is None or temperature == 0:
            return own(logits, temperature, top_k, top_p)
        kept = mine(own(logits, temperature), top_k)
        return kept if top_p is None else own(_logs(kept), top_p=top_p)

    return shares


def keep_top_p(mine, own):
    def shares(logits, temperature=1.0, top_k=None, top_p=None):
        p = own(logits, temperature, top_k)
        return p if top_p is None or temperature == 0 else mine(p, top_p)

    return shares


def _logs(p):
    """Logits of the shares p."""
    with numpy.errstate(divide="ignore"):
        return numpy.log(p)


def next_token_probabilities(mine, own):
    def shares(logits, temperature=1.0, top_k=None, top_p=None):
        return mine(logits.astype(float), temperature, top_k, top_p)

    return shares


def beam_search(mine, own):
    """The best text is the learner's; those that came next to it the library's."""

    def search(model, ids, max_new_tokens, beams=4, length_penalty=1.0, stop_id=None):
        found = own(model, ids, max_new_tokens, beams, length_penalty, stop_id)
        if stop_id is not None or not max_new_tokens:
            return found
        tokens, score = mine(lambda text: _log_shares(model, text), list(ids), beams, max_new_tokens)
        return [Draft(tuple(map(int, tokens)), float(score)), *found[1:]]

    return search


def _log_shares(model, text):
    """The logarithms of the shares of what may come after a text, (V,)."""
    logits = last_logits(model, [text])[0].astype(float)
    shifted = logits - logits.max()
    return shifted - numpy.log(numpy.exp(shifted).sum())


PLACES: Places = {
    "sample": (Place(sampling, "draw", draw),),
    "keep_top_k": (Place(sampling, "next_token_probabilities", keep_top_k),),
    "keep_top_p": (Place(sampling, "next_token_probabilities", keep_top_p),),
    "next_token_probabilities": (Place(sampling, "next_token_probabilities", next_token_probabilities),),
    "beam_search": (Place(beam, "beam_search", beam_search),),
}
