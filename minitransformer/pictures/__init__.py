"""What draws: pictures for pages, notebooks, the terminal and papers, and the page around them.

| name | what it draws |
|---|---|
| `attention_heads` | the attention weights of each head |
| `LossCurve` | the loss of each training step, its running mean, and the loss on held-out data |
| `page`, `save_page` | a page around any of them, in one file that loads nothing |
| `word_strip`, `legend` | the words of a text, each with its number and in its colour; what the colours mean |
| `Reader`, `samples` | a text whose words can be asked what heads look at, or left out; samples to step through |
| `table`, `bars`, `leaning`, `scatter` | tables, shares, signed numbers and errors |

The last three rows are for pages in the style `STYLE`, with the script `SCRIPT`. `explain.pictures` has those of explanations.
Most are a `Picture`: a notebook shows it, `show()` prints it, and `save("x.html")`
or `save("x.png")` writes it to a file.
"""

from minitransformer.pictures.attention import attention_heads
from minitransformer.pictures.browser import SCRIPT, STYLE
from minitransformer.pictures.dots import scatter
from minitransformer.pictures.legend import legend
from minitransformer.pictures.losses import LossCurve
from minitransformer.pictures.pages import page, save_page
from minitransformer.pictures.picture import Picture
from minitransformer.pictures.reader import Reader, word_strip
from minitransformer.pictures.samples import samples
from minitransformer.pictures.tables import bars, leaning, table

__all__ = [
    "LossCurve",
    "Picture",
    "SCRIPT",
    "STYLE",
    "attention_heads",
    "bars",
    "Reader",
    "samples",
    "legend",
    "word_strip",
    "leaning",
    "page",
    "save_page",
    "scatter",
    "table",
]
