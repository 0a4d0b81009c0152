"""What draws: pictures for pages, notebooks, the terminal and papers, and the page around them.

| name | what it draws |
|---|---|
| `attention_heads` | the attention weights of each head |
| `LossCurve` | the loss of each training step, its running mean, and the loss on held-out data |
| `page`, `save_page` | a page around any of them, in one file that loads nothing |
| `table`, `bars`, `leaning`, `scatter` | tables, shares, signed numbers and errors, for pages in the style `STYLE` |

`explain.pictures` has those of explanations. Most are a `Picture`: a notebook shows it, `show()` prints it, and `save("x.html")`
or `save("x.png")` writes it to a file.
"""

from minitransformer.pictures.attention import attention_heads
from minitransformer.pictures.dots import scatter
from minitransformer.pictures.losses import LossCurve
from minitransformer.pictures.pages import page, save_page
from minitransformer.pictures.picture import Picture
from minitransformer.pictures.style import STYLE
from minitransformer.pictures.tables import bars, leaning, table

__all__ = [
    "LossCurve",
    "Picture",
    "STYLE",
    "attention_heads",
    "bars",
    "leaning",
    "page",
    "save_page",
    "scatter",
    "table",
]
