"""Pictures of explanations: for notebooks, the terminal, web pages and papers.

Each function returns a `Picture`: a notebook shows it, `show()` prints it, `save("x.html")` and `save("x.png")` keep it.
"""

from minitransformer.explain.pictures.comparison import comparison_table
from minitransformer.explain.pictures.curves import mean_curves, removal_curves
from minitransformer.explain.pictures.flow import ledger_flow
from minitransformer.explain.pictures.layers import layer_map
from minitransformer.explain.pictures.methods import side_by_side
from minitransformer.explain.pictures.strip import token_strip
from minitransformer.pictures.attention import attention_heads
from minitransformer.pictures.picture import Picture

__all__ = [
    "Picture",
    "attention_heads",
    "comparison_table",
    "layer_map",
    "ledger_flow",
    "mean_curves",
    "removal_curves",
    "side_by_side",
    "token_strip",
]
