"""The methods that make one value of many, put values in order, or multiply matrices."""

from __future__ import annotations

from minitransformer.ops.networks import softmax as softmaxes
from minitransformer.ops.order import distinct, extreme, middle, quantiles, running, sorting
from minitransformer.ops.products import (
    added,
    covariance,
    determinants,
    factorings,
    inverses,
    likeness,
    linalg,
    matrices,
    pairs,
)
from minitransformer.ops.reduce import increments, logarithms, moments, norms, products, sums
from minitransformer.ops.tensors.inplace import in_place


class Reductions:
    """Many values to one, values in order, and matrix products."""

    # many values to one, and in order
    prod = products.prod
    cumprod = products.cumprod
    norm = norms.norm
    count_nonzero = sums.count_nonzero
    unique = distinct.unique
    bincount = distinct.bincount
    sum = sums.sum_
    mean = sums.mean
    var = sums.var
    std = sums.std
    cumsum = sums.cumsum
    amax = extreme.amax
    amin = extreme.amin
    max = extreme.max_
    min = extreme.min_
    argmax = extreme.argmax
    argmin = extreme.argmin
    sort = sorting.sort
    argsort = sorting.argsort
    topk = sorting.topk
    msort = sorting.msort
    aminmax = extreme.aminmax
    cummax = running.cummax
    cummin = running.cummin
    median = middle.median
    nanmedian = middle.nanmedian
    kthvalue = middle.kthvalue
    mode = middle.mode
    quantile = quantiles.quantile
    nanquantile = quantiles.nanquantile
    unique_consecutive = distinct.unique_consecutive
    histc = distinct.histc
    logcumsumexp = logarithms.logcumsumexp
    diff = increments.diff
    nansum = moments.nansum
    nanmean = moments.nanmean
    softmax = softmaxes.softmax
    log_softmax = softmaxes.log_softmax
    logsumexp = softmaxes.logsumexp

    # matrix products
    matmul = __matmul__ = linalg.matmul
    mm = linalg.mm
    bmm = linalg.bmm
    dot = vdot = linalg.dot
    outer = ger = linalg.outer
    addmm = added.addmm
    baddbmm = added.baddbmm
    mv = linalg.mv
    inner = linalg.inner
    kron = pairs.kron
    addmv = added.addmv
    addbmm = added.addbmm
    addr = added.addr
    addmm_ = in_place(added.addmm)
    baddbmm_ = in_place(added.baddbmm)
    addmv_ = in_place(added.addmv)
    addr_ = in_place(added.addr)
    cross = matrices.cross
    matrix_power = matrices.matrix_power
    cov = covariance.cov
    corrcoef = covariance.corrcoef
    dist = likeness.dist
    renorm = likeness.renorm
    renorm_ = in_place(likeness.renorm)

    # functions of whole matrices
    inverse = inverses.inverse
    pinverse = inverses.pinverse
    det = determinants.det
    logdet = determinants.logdet
    slogdet = determinants.slogdet
    cholesky = factorings.cholesky
    qr = factorings.qr
    svd = factorings.svd
