"""Sums, extremes and softmax along dimensions."""

from __future__ import annotations

from minitransformer.verify.case import OpCase
from minitransformer.verify.inputs import normal

REDUCTIONS = [
    OpCase("sum", lambda lib, x: lib.sum(x, dim=(0, 2)), [normal(2, 3, 4)]),
    OpCase("mean", lambda lib, x: lib.mean(x, dim=1, keepdim=True), [normal(2, 3, 4)]),
    OpCase("var", lambda lib, x: lib.var(x, dim=1), [normal(2, 3, 4)]),
    OpCase("std", lambda lib, x: lib.std(x, dim=-1, correction=0), [normal(2, 3, 4)]),
    OpCase("max", lambda lib, x: lib.max(x), [normal(2, 3, 4)]),
    OpCase("max, along a dimension", lambda lib, x: lib.max(x, 1)[0], [normal(2, 3, 4)]),
    OpCase("min", lambda lib, x: lib.min(x), [normal(2, 3, 4)]),
    OpCase("min, along a dimension", lambda lib, x: lib.min(x, 1)[0], [normal(2, 3, 4)]),
    OpCase("amax", lambda lib, x: lib.amax(x, dim=(0, 2)), [normal(2, 3, 4)]),
    OpCase("amin", lambda lib, x: lib.amin(x, dim=1, keepdim=True), [normal(2, 3, 4)]),
    OpCase("aminmax", lambda lib, x: lib.stack(lib.aminmax(x, dim=1)), [normal(2, 3, 4)]),
    OpCase("median", lambda lib, x: lib.median(x), [normal(2, 3)]),
    OpCase("median, along a dimension", lambda lib, x: lib.median(x, 1).values, [normal(2, 4, 3)]),
    OpCase("nanmedian", lambda lib, x: lib.nanmedian(x, 0).values, [normal(4, 3)]),
    OpCase("kthvalue", lambda lib, x: lib.kthvalue(x, 2, 1).values, [normal(2, 4, 3)]),
    OpCase("mode", lambda lib, x: lib.mode(x, 1).values, [normal(2, 4, 3)]),
    OpCase("quantile", lambda lib, x: lib.quantile(x, 0.3, 1), [normal(2, 4, 3)]),
    OpCase("nanquantile", lambda lib, x: lib.nanquantile(x, 0.7, 1, True), [normal(2, 4, 3)]),
    OpCase("cummax", lambda lib, x: lib.cummax(x, 1).values, [normal(2, 5, 3)]),
    OpCase("cummin", lambda lib, x: lib.cummin(x, 0).values, [normal(4, 3)]),
    OpCase("msort", lambda lib, x: lib.msort(x), [normal(4, 3)]),
    OpCase("cumsum", lambda lib, x: lib.cumsum(x, 1), [normal(2, 3, 4)]),
    OpCase("prod", lambda lib, x: lib.prod(x, 1), [normal(2, 3, 4)]),
    OpCase("cumprod", lambda lib, x: lib.cumprod(x, 1), [normal(2, 3, 4)]),
    OpCase("norm", lambda lib, x: lib.norm(x, dim=(0, 2)), [normal(2, 3, 4)]),
    OpCase("norm, of power 3", lambda lib, x: lib.norm(x, 3, 1), [normal(2, 3)]),
    OpCase("matrix_norm", lambda lib, x: lib.linalg.matrix_norm(x, 1), [normal(2, 3, 4)]),
    OpCase("trapezoid", lambda lib, y, x: lib.trapezoid(y, x), [normal(2, 4), normal(4)]),
    OpCase("cumulative_trapezoid", lambda lib, y: lib.cumulative_trapezoid(y, dx=0.5), [normal(2, 4)]),
    OpCase("logcumsumexp", lambda lib, x: lib.logcumsumexp(x, 1), [normal(2, 5, 3)]),
    OpCase("diff", lambda lib, x, y: lib.diff(x, 2, 0, prepend=y), [normal(4, 3), normal(1, 3)]),
    OpCase("var_mean", lambda lib, x: lib.stack(lib.var_mean(x, 1)), [normal(2, 3, 4)]),
    OpCase("std_mean", lambda lib, x: lib.stack(lib.std_mean(x, 1, correction=0)), [normal(2, 3, 4)]),
    OpCase("nansum", lambda lib, x: lib.nansum(x, 1), [normal(2, 3, 4)]),
    OpCase("nanmean", lambda lib, x: lib.nanmean(x, 0), [normal(2, 3)]),
    OpCase("softmax", lambda lib, x: lib.softmax(x, -1), [normal(3, 5)]),
    OpCase("softmax, along the first", lambda lib, x: lib.softmax(x, 0), [normal(3, 5)]),
    OpCase("log_softmax", lambda lib, x: lib.log_softmax(x, -1), [normal(3, 5)]),
    OpCase("logsumexp", lambda lib, x: lib.logsumexp(x, (0, 1)), [normal(2, 3, 4)]),
]
