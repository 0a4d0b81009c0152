"""The ops that relevance cannot pass, and why.

Every other op of the package has a law in both forms, beside its gradient; an op of your own gets one as `Op` describes.

| op | made by | why |
|---|---|---|
| `Rounded` | `floor`, `ceil`, `trunc`, `round`, `sign` | constant between its steps: no input has a share in where it stands |
| `Quotient` | `floor_divide`, `div(rounding_mode=..)` | a rounded ratio, as above |

Comparisons, `argmax`, `argsort`, integer and boolean arithmetic are no `Op`s: they leave no tape, so that relevance, like the
gradient, never comes to them.
"""

from __future__ import annotations

from minitransformer.autograd import Op
from minitransformer.ops.elementwise.rounding import Quotient, Rounded

REASONS: dict[type[Op], str] = {
    Rounded: "a rounded number is constant between its steps, and no input has a share in it",
    Quotient: "a rounded ratio is constant between its steps, and no input has a share in it",
}


def reason(op: Op) -> str:
    """Why an op has no relevance law, for an error.

    Args:
        op: the op.

    Returns:
        The reason in the table, or what an op of one's own lacks.
    """
    return REASONS.get(type(op), "no relevance rule: give the op `relprop` and `modified`")
