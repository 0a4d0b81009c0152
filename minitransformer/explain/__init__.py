"""Explanations of a model's output, and measures of how far they may be believed.

Every method asks one question, why the model gives this output for these ids (`question.py`), and returns one answer, a number
for each token (`explanation.py`).

| file | methods |
|---|---|
| `walk.py`, `rules.py`, `inside.py` | layer-wise relevance propagation: `lrp`, `relevance`, `layer_relevance`, .. |
| `factors.py`, `entered.py` | gates and divisors, which only scale, also where they come into a checkpointed piece |
| `before_edits.py` | what an op read before an edit in place wrote over it |
| `spans.py` | `lrp_span`: why an answer starts and ends where a model finds it |
| `gradient_methods.py` | `gradient_x_input`, `integrated_gradients`, `smooth_grad` |
| `attention_flow.py` | `attention_rollout`, `generic_attention` |
| `perturbation.py` | `occlusion`, and outputs without some of the tokens |
| `surrogate.py`, `tabular.py`, `shapley.py` | `lime`, `lime_tabular`, `kernel_shap`: they need only the model's predictions |
| `deletion_curves.py`, `sanity.py`, `stability.py` | `faithfulness`, `randomisation_check`, `lime_stability` |
| `rationales.py`, `word_ratings.py`, `planted.py` | agreement with people, and with a task whose answer is known |
| `certificate.py` | `certify`: is relevance computed rightly for this model? |
| `outside_attributions.py`, `judgement.py` | `judge`: what other tools say of a model, measured |
| `comparison.py` | all methods on the same texts |

An argument has one meaning in all of them: `target` is the explained logit, in one of the forms of `targets.py`; `label` is a
class of a function `predict` that returns probabilities; `position` is the token whose logits are explained; `num_samples` is
a number of random samples; `replace` says what a removed token becomes; `tokens` are strings to show.

Layer-wise relevance propagation divides an output among the tensors that it was computed from. It reads the tape that the
model's run left. Its words:

- A *walk* goes back over the tape once, from the newest op to the oldest. At each op it divides the relevance of the output
  among the inputs.
- A *rule* says how it is divided. Each op has a law for that, which stands beside its gradient in `ops/`. Where there is a
  choice, a rule takes the law's place; a composite says which rule holds in which layer.
- A *stop* is what the walk does at one op, decided before it begins: by which rule, in which layer, and which inputs get
  relevance. An input gets some if it depends on an explained tensor and the rule does not hold it constant.
- The *books* are the account. At each op they say what was received, what was passed on, and what no input gets: that is
  absorbed by a sink, such as "bias". The ledger is the sum over all ops.

Here x is explained, and 1 of the 5 is the bias's:

>>> import minitransformer as mt
>>> x = mt.tensor([1.0, 2.0], requires_grad=True)
>>> y = mt.nn.functional.linear(x, mt.tensor([[3.0, 0.5]]), mt.tensor([1.0]))  # 3 + 1 + 1
>>> (relevance_of_x,), ledger = account(y, [x])
>>> relevance_of_x, ledger["bias"], ledger["total"]
(array([3., 1.], dtype=float32), 1.0, 5.0)
"""

from minitransformer.explain import pictures
from minitransformer.explain.attention_flow import attention_rollout, generic_attention
from minitransformer.explain.certificate import Certificate, certify
from minitransformer.explain.comparison import Case, Comparison, compare, review_cases, standard_methods
from minitransformer.explain.deletion_curves import Faithfulness, faithfulness
from minitransformer.explain.explanation import Explanation, Ledger, LRPExplanation
from minitransformer.explain.gradient_methods import gradient_x_input, integrated_gradients, smooth_grad
from minitransformer.explain.held import constant
from minitransformer.explain.inside import head_relevance, layer_relevance
from minitransformer.explain.judgement import Judged, judge
from minitransformer.explain.outside_attributions import Attribution, read_attributions
from minitransformer.explain.perturbation import logit_of, masked_logits, occlusion
from minitransformer.explain.planted import PlantedTask, evidence_found, learn_planted
from minitransformer.explain.question import Question
from minitransformer.explain.rationales import auroc, marked_tokens, precision_at_k, token_f1
from minitransformer.explain.rules import (
    PRESETS,
    AlphaBeta,
    Composite,
    Constant,
    Epsilon,
    Flat,
    Gamma,
    HalfEach,
    Rule,
    SignalTakesAll,
    Taylor,
    WSquare,
    ZPlus,
)
from minitransformer.explain.sanity import randomisation_check
from minitransformer.explain.shapley import kernel_shap, shapley_values
from minitransformer.explain.spans import SpanExplanation, best_span, lrp_span
from minitransformer.explain.stability import lime_stability
from minitransformer.explain.surrogate import lime
from minitransformer.explain.tabular import lime_tabular
from minitransformer.explain.targets import LogOdds
from minitransformer.explain.walk import account, lrp, lrp_answer, relevance
from minitransformer.explain.word_ratings import lexicon_agreement, rated_words
from minitransformer.nn.layer_record import Layers

__all__ = [
    "AlphaBeta",
    "Attribution",
    "Case",
    "Certificate",
    "Comparison",
    "Composite",
    "Constant",
    "Epsilon",
    "Explanation",
    "Faithfulness",
    "Flat",
    "Gamma",
    "HalfEach",
    "Judged",
    "LRPExplanation",
    "Layers",
    "Ledger",
    "LogOdds",
    "PRESETS",
    "PlantedTask",
    "Question",
    "Rule",
    "SignalTakesAll",
    "SpanExplanation",
    "Taylor",
    "WSquare",
    "ZPlus",
    "account",
    "attention_rollout",
    "auroc",
    "best_span",
    "certify",
    "compare",
    "constant",
    "evidence_found",
    "faithfulness",
    "generic_attention",
    "gradient_x_input",
    "head_relevance",
    "integrated_gradients",
    "kernel_shap",
    "judge",
    "layer_relevance",
    "learn_planted",
    "lexicon_agreement",
    "lime",
    "lime_stability",
    "lime_tabular",
    "logit_of",
    "lrp",
    "lrp_answer",
    "lrp_span",
    "marked_tokens",
    "masked_logits",
    "occlusion",
    "pictures",
    "precision_at_k",
    "randomisation_check",
    "rated_words",
    "read_attributions",
    "relevance",
    "review_cases",
    "shapley_values",
    "smooth_grad",
    "standard_methods",
    "token_f1",
]
