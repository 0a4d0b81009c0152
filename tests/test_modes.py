"""Training and evaluation mode: every function that runs a model restores the mode of each module, and gives the same twice."""

import importlib
import inspect
import pkgutil
from functools import partial

import numpy as np
import pytest

import minitransformer as mt
from minitransformer import explain, generation, models, nn, recipes
from minitransformer.data.dates import WrittenDate
from minitransformer.explain.outside_attributions import Attribution
from minitransformer.explain.phrases import lrp_phrase
from minitransformer.generation.reading import Reader, last_logits
from minitransformer.models import bert, bert_heads, classifier
from minitransformer.models.folder import using
from minitransformer.nn.modes import in_use, restore
from minitransformer.nn.modes import modes as modes_of
from minitransformer.recipes import classifier as reviews
from minitransformer.recipes import dates, masked_lm, span_corruption, stories
from minitransformer.recipes.distilled import agreement
from minitransformer.recipes.fine_tuning import read
from minitransformer.recipes.text import Windows
from minitransformer.tokenization import CharTokenizer, WordPieceTokenizer, WordTokenizer
from minitransformer.tour.learning import attention_of
from minitransformer.training import Trainer
from minitransformer.utils.data import DataLoader

TEXT = "the good film was bad and the bad film was good"
WORDS, PIECES = WordTokenizer.train(TEXT), WordPieceTokenizer.train(TEXT, vocab_size=40)
STORY, CHARACTERS = WordTokenizer.train(f"{TEXT} end"), CharTokenizer.train("may 0123456789-")
IDS = [3, 4, 5, 4]
REVIEW = type("Review", (), {"text": "good film", "label": 1})
HEAD = bert_heads.BertHeadConfig(40, 8, 2, 2, 12, 16, dropout=0.5)
ATTRIBUTION = Attribution(1, "ours", "", np.array(IDS), 1, np.arange(4.0))
CASE = explain.Case("", np.array(IDS), 1)
PLANTED = explain.PlantedTask(length=4, classes=2, signals=2, noise=4)


def writer():
    return models.LanguageModel(models.LanguageModelConfig(20, 8, 2, 2, 12, 0.5, max_len=16))


def storyteller():
    return models.LanguageModel(
        models.LanguageModelConfig(STORY.vocab_size, 8, 2, 2, 12, 0.5, max_len=stories.LONGEST)
    )


def dater():
    return models.Seq2Seq(models.Seq2SeqConfig(20, 8, 2, 1, 2, 12, 0.5, max_length=16))


def judge():
    return models.SequenceClassifier(models.ClassifierConfig(20, 3, 8, 2, 2, 12, 0.5, max_len=16))


def reader():
    return bert.Bert(bert.BertConfig(40, 8, 2, 2, 12, 16, dropout=0.5))


def masker():
    return bert.BertMaskedLM(bert.BertConfig(40, 8, 2, 2, 12, 16, dropout=0.5))


def t5():
    return models.T5(models.T5Config(20, 8, 4, 12, 2, 2, 2, dropout=0.5))


def source():
    return mt.tensor([[3, 4, 5]])


def tagger():
    return bert.BertClassifier(bert.BertClassifierConfig(20, 8, 2, 2, 12, 16, dropout=0.5))


def finder():
    return bert_heads.BertForQuestionAnswering(bert_heads.BertHeadConfig(20, 8, 2, 2, 12, 16, dropout=0.5))


def explanation(method, model, **options):
    return method(model, IDS, 1, **options).relevance


def trained(model, evaluate):
    """The figures that a `Trainer` finds on the way, with nothing learned."""
    loss = lambda m, batch: m(batch).sum() * 0.0  # noqa: E731
    trainer = Trainer(
        model,
        loss,
        DataLoader([np.array(IDS)] * 2, 2),
        mt.optim.SGD(model.parameters(), 0.0),
        steps=1,
        evaluate=evaluate,
    )
    trainer.run()
    return trainer.evaluations


def figure(model):
    return float(np.abs(model(mt.tensor([IDS])).numpy()).sum())


ANSWERS = {  # name: how the model is made, and what is asked of it
    "generate": (writer, lambda m: generation.generate(m, IDS, 3, seed=0)),
    "stream": (writer, lambda m: list(generation.stream(m, IDS, 3, seed=0))),
    "generate_batch": (writer, lambda m: generation.generate_batch(m, [IDS, [1]], 3, seed=0)),
    "beam_search": (writer, lambda m: generation.beam_search(m, IDS, 3, beams=2)),
    "last_logits": (writer, lambda m: last_logits(m, [IDS])),
    "Reader": (writer, lambda m: Reader(m, True).logits(IDS)),
    "T5Answer": (t5, lambda m: m.answer(source()).memory.numpy()),
    "generate, T5": (t5, lambda m: generation.generate(m.answer(source()), [0], 3, seed=0)),
    "generate_batch, T5": (t5, lambda m: generation.generate_batch(m.answer(source()), [[0]], 3, seed=0)),
    "beam_search, T5": (t5, lambda m: generation.beam_search(m.answer(source()), [0], 3, beams=2)),
    "embed": (reader, lambda m: bert.embed(m, PIECES, ["good film", ""])),
    "predict_proba": (judge, lambda m: classifier.predict_proba(m, WORDS, ["good film", ""])),
    "accuracy": (judge, lambda m: reviews.accuracy(m, WORDS, [REVIEW] * 3)),
    "mean_loss": (judge, lambda m: reviews.mean_loss(m, [(IDS, 1), ([2], 0)])),
    "mean_loss, masked_lm": (masker, lambda m: masked_lm.mean_loss(m, Windows(IDS * 4, 3), PIECES)),
    "mean_loss, span_corruption": (t5, lambda m: span_corruption.mean_loss(m, Windows(IDS * 4, 7), 15)),
    "told": (storyteller, lambda m: stories.told(m, STORY, ["good film"], 0)),
    "iso_of": (dater, lambda m: dates.iso_of(m, CHARACTERS, ["1 may 1970"])),
    "accuracy, dates": (
        dater,
        lambda m: dates.accuracy(m, CHARACTERS, [WrittenDate("1 may 1970", "1970-05-01")]),
    ),
    "read": (tagger, lambda m: read(m, [(IDS, 1)])[0][0]),
    "Trainer": (writer, lambda m: trained(m, figure)),
    "lrp": (judge, partial(explanation, explain.lrp)),
    "agreement": (judge, lambda m: np.array([agreement(m, m, [IDS], [1])])),
    "lrp_span": (finder, lambda m: [e.relevance for e in explain.lrp_span(m, IDS)]),
    "layer_relevance": (judge, lambda m: list(explain.layer_relevance(m, IDS, 1).values())),
    "head_relevance": (judge, lambda m: list(explain.head_relevance(m, IDS, 1).values())),
    "certify": (
        judge,
        lambda m: np.array([row.received for row in explain.certify(m, IDS, 1, checks=2).rows]),
    ),
    "judge": (
        judge,
        lambda m: np.array([list(explain.judge(m, [ATTRIBUTION], orders=2)[0].faithful.values())[0][0]]),
    ),
    "lrp_phrase": (
        writer,
        lambda m: lrp_phrase(m, IDS, [3, 5], [4], tokens=list("abcd")).relevance,
    ),
    "probabilities": (
        lambda: bert_heads.BertForSequenceClassification(HEAD),
        lambda m: using.probabilities(m, PIECES, ["good film", "bad"]),
    ),
    "vectors": (lambda: bert_heads.BertModel(HEAD), lambda m: using.vectors(m, PIECES, ["good film", "bad"])),
    "lrp_answer": (t5, lambda m: explain.lrp_answer(m, IDS, [0, 3], 5).relevance),
    "gradient_x_input": (judge, partial(explanation, explain.gradient_x_input)),
    "integrated_gradients": (judge, partial(explanation, explain.integrated_gradients, steps=3)),
    "smooth_grad": (judge, partial(explanation, explain.smooth_grad, num_samples=3)),
    "attention_rollout": (judge, partial(explanation, explain.attention_rollout)),
    "generic_attention": (judge, partial(explanation, explain.generic_attention)),
    "occlusion": (judge, partial(explanation, explain.occlusion)),
    "logit_of": (judge, lambda m: explain.logit_of(m, 1)(mt.tensor([IDS])).numpy()),
    "Question": (judge, lambda m: explain.Question(m, IDS, 1).output),
    "faithfulness": (
        judge,
        lambda m: explain.faithfulness(explain.logit_of(m, 1), IDS, np.arange(4.0)).delta_auc,
    ),
    "randomisation_check": (
        judge,
        lambda m: explain.randomisation_check(partial(explain.lrp, target=1), m, IDS).steps,
    ),
    "lime": (
        judge,
        lambda m: (
            explain.lime(partial(classifier.predict_proba, m, WORDS), "good bad film", num_samples=20).weights
        ),
    ),
    "kernel_shap": (
        judge,
        lambda m: explain.kernel_shap(partial(classifier.predict_proba, m, WORDS), "good bad film").values,
    ),
    "standard_methods": (judge, lambda m: explain.standard_methods(m, num_samples=20)["kernel shap"](CASE)),
    "attention_of": (judge, lambda m: attention_of(m, WORDS, "good film")),
}
OTHERS = {  # they take a model, and answer nothing or are what trains it
    "explain.differentiable", "explain.learn_planted", "explain.Run", "explain.names", "models.shapes", "models.blocks_of",
    "models.load_mapped", "models.gives_vectors", "models.is_classifier",
    "models.finds_answers", "models.labels_tokens", "models.segments_of",
    "recipes.loss", "recipes.next_token_loss", "recipes.story_loss", "recipes.answer_loss",
    "recipes.masked_loss", "recipes.corrupted_loss", "recipes.trainer_of", "recipes.score_of",
    "generation.lacking", "generation.require_writer",
}  # fmt: skip


def set_by_hand(model):
    """Training, but for parts that were put into eval(), one of them with a part in training again."""
    model.train()
    parts = [
        m
        for m in model.modules()
        if isinstance(m, (nn.Dropout, nn.LayerNorm, nn.RMSNorm, nn.MultiheadAttention))
    ]
    for part in parts[::2]:
        part.eval()
    stack = next(m for m in model.modules() if isinstance(m, nn.ModuleList))
    stack[0].eval()
    next(iter(stack[0].children())).train()
    return model


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_leaves_every_module_as_it_was_and_can_be_repeated(name):
    make, ask = ANSWERS[name]
    mt.manual_seed(0)
    model = make()
    right = ask(model.eval())
    assert not any(module.training for module in model.modules())
    for prepare in (
        lambda m: m.train(),
        set_by_hand,
        lambda m: next(iter(set_by_hand(m.eval()).children())).train() and m,
    ):
        before = modes_of(prepare(model))
        assert str(ask(model)) == str(right)
        if name == "Trainer":
            assert not any(module.training for module in model.modules())
        else:
            assert modes_of(model) == before


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_that_fails_leaves_every_module_as_it_was(name, monkeypatch):
    make, ask = ANSWERS[name]
    model = set_by_hand(make())
    before, frozen = modes_of(model), list(model.parameters())[0].requires_grad_(False)

    def fail(*args, **kwargs):
        if name != "Trainer" or not model.training:
            raise KeyboardInterrupt
        return args[0]

    last = [m for m in model.modules() if isinstance(m, (nn.LayerNorm, nn.RMSNorm))][0]
    monkeypatch.setattr(last, "forward", fail)
    with pytest.raises(KeyboardInterrupt):
        ask(model)
    monkeypatch.undo()
    assert modes_of(model) == before and not frozen.requires_grad


def test_everything_that_takes_a_model_is_asked():
    found = set()
    for room in (generation, explain, models, recipes):
        for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
            for name, f in vars(importlib.import_module(module.name)).items():
                ours = (
                    callable(f)
                    and getattr(f, "__module__", "").startswith(room.__name__)
                    and not name.startswith("_")
                )
                if ours and "model" in inspect.signature(f).parameters:
                    found.add(f"{room.__name__.split('.')[1]}.{name}")
    asked = {name.split(",")[0] for name in ANSWERS}
    assert {name for name in found if name.split(".")[1] not in asked} == OTHERS
    assert len(found) > 30


def test_a_text_that_is_left_half_way_leaves_every_module_as_it_was():
    model = set_by_hand(writer())
    before = modes_of(model)
    tokens = generation.stream(model, IDS, 5)
    next(tokens)
    assert modes_of(model) == before
    model.eval()  # between two tokens the model is its owner's
    next(tokens)
    tokens.close()
    assert not any(module.training for module in model.modules())


def test_a_trainer_leaves_in_use_what_was_put_there_by_hand():
    net = nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Sequential(nn.Dropout(0.5)), nn.Linear(4, 1))
    seen = []
    net[2].eval()

    def loss(m, batch):
        seen.append([module.training for module in m.modules()])
        return m(batch).sum()

    def evaluate(m):
        assert not any(module.training for module in m.modules())
        m.eval()  # people write it
        m.train()
        return 0.0

    trainer = Trainer(
        net, loss, DataLoader([np.ones(2, "float32")] * 4, 2), mt.optim.SGD(net.parameters(), 0.1), steps=2, evaluate=evaluate,
        evaluate_every=1,
    )  # fmt: skip
    expected = [True, True, True, False, False, True]
    trainer.run()
    assert not any(module.training for module in net.modules())
    trainer.steps = 4
    trainer.run()  # goes on as it began
    assert seen == [expected] * 4
    net.eval()
    Trainer(
        net, loss, DataLoader([np.ones(2, "float32")] * 4, 2), mt.optim.SGD(net.parameters(), 0.1), steps=1
    ).run()
    assert seen[-1] == [True] * 6  # a model in use is trained whole


def test_learning_the_planted_task_leaves_in_use_what_was_put_there_by_hand():
    model, seen = models.SequenceClassifier(models.ClassifierConfig(PLANTED.vocab_size, 3, 8, 2, 1, 12)), []
    layer = model.encoder.layers[0].eval()
    forward = layer.forward
    layer.forward = lambda *args, **kwargs: seen.append(layer.training) or forward(*args, **kwargs)
    explain.learn_planted(model, PLANTED, steps=2, batch=2)
    assert seen == [False] * 3 and not model.training


def test_a_module_is_set_by_its_own_train():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.part, self.told = nn.Dropout(0.5), []

        def train(self, mode=True):
            self.told.append(mode)
            super().train(mode)
            self.part.eval()  # whatever happens
            return self

    model = Noisy().train()
    model.told.clear()
    with in_use(model):
        assert model.told == [False] and not model.training
    assert model.told == [False, True] and model.training and not model.part.training
    model.part.training = True
    before = modes_of(model)
    with pytest.raises(ZeroDivisionError), in_use(model):
        raise ZeroDivisionError
    assert modes_of(model) == before
    restore([(module, False) for module, _ in before])
    assert not model.training
