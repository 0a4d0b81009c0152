"""Explanation: what the model did, and why it may be believed."""

from minitransformer.explain.baselines import gradient_x_input
from minitransformer.explain.explanation import Explanation
from minitransformer.explain.ledger import Ledger
from minitransformer.explain.propagation import lrp, relevance
from minitransformer.explain.surrogate import lime

__all__ = ["Explanation", "Ledger", "gradient_x_input", "lime", "lrp", "relevance"]
