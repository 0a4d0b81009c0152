"""The ops that relevance cannot pass, and why.

Every other op of the package has a law in both forms, beside its gradient; an op of your own gets one as `Op` describes.

| op | made by | why |
|---|---|---|
| `Rounded` | `floor`, `ceil`, `trunc`, `round`, `sign` | constant between its steps: no input has a share in where it stands |
| `Quotient` | `floor_divide`, `div(rounding_mode=..)` | a rounded ratio, as above |
| `Inverse` | `linalg.inv`, `matrix_power` | no entry of an inverse is a sum in which each entry of the matrix has its share |
| `Solve` | `linalg.solve` | a solution, as above |
| `PseudoInverse` | `linalg.pinv`, `linalg.lstsq` | as above |
| `Det` | `linalg.det` | a sum of products of entries from all rows, none of which is one entry's |
| `LogAbsDet` | `linalg.slogdet`, `logdet` | its logarithm |
| `Cholesky` | `linalg.cholesky` | no entry of a factor is a sum in which each entry of the matrix has its share |
| `QR` | `linalg.qr` | a factor, as above |
| `Eigh` | `linalg.eigh` | eigenvalues and eigenvectors, as above |
| `SVD` | `linalg.svd` | singular values and vectors, as above |

Comparisons, `argmax`, `argsort`, integer and boolean arithmetic are no `Op`s: they leave no tape, so that relevance, like the
gradient, never comes to them.
"""

from __future__ import annotations

from minitransformer.autograd import Op
from minitransformer.ops.elementwise.rounding import Quotient, Rounded
from minitransformer.ops.products.determinants import Det, LogAbsDet
from minitransformer.ops.products.factorings import QR, SVD, Cholesky, Eigh
from minitransformer.ops.products.inverses import Inverse, PseudoInverse, Solve

NO_SHARES = "it is no sum in which each entry of the matrix has its share; explain what comes after it, from a detached one"

REASONS: dict[type[Op], str] = {
    Rounded: "a rounded number is constant between its steps, and no input has a share in it",
    Quotient: "a rounded ratio is constant between its steps, and no input has a share in it",
    **dict.fromkeys([Inverse, Solve, PseudoInverse, Det, LogAbsDet, Cholesky, QR, Eigh, SVD], NO_SHARES),
}


def reason(op: Op) -> str:
    """Why an op has no relevance law, for an error.

    Args:
        op: the op.

    Returns:
        The reason in the table, or what an op of one's own lacks.
    """
    return REASONS.get(type(op), "no relevance rule: give the op `relprop` and `modified`")
