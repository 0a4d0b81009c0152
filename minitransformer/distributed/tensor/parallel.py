"""Which layers of a model are cut, and how: a plan, under torch.distributed.tensor.parallel's names."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from minitransformer.distributed.groups import ProcessGroup, engine_of
from minitransformer.distributed.mesh import DeviceMesh
from minitransformer.distributed.tensor.placements import Placement, Replicate, Shard
from minitransformer.nn import Dropout, Embedding, Linear, Module, MultiheadAttention
from minitransformer.nn.parallel.buckets import begin_alike
from minitransformer.nn.parallel.tensor import (
    ColwiseLinear,
    Cut,
    HeadwiseAttention,
    PartedDropout,
    RowwiseLinear,
    VocabularyEmbedding,
)
from minitransformer.nn.parallel.vocabulary import vocabulary_cross_entropy as vocabulary_cross_entropy
from minitransformer.nn.transformer import TransformerDecoderLayer, TransformerEncoderLayer


class ParallelStyle:
    """How a layer is cut. A subclass defines `apply`."""

    def apply(self, module: Module, cut: Cut) -> Module:
        """Cut a layer.

        Args:
            module: the whole layer.
            cut: cuts the parameters.

        Returns:
            This rank's part.

        Raises:
            TypeError: such a layer cannot be cut in this way.
        """
        raise NotImplementedError(f"{type(self).__name__}: define apply(self, module, cut)")

    def _refused(self, module: Module, expected: str) -> TypeError:
        return TypeError(f"{type(self).__name__}: expected {expected}, got a {type(module).__name__}")


class ColwiseParallel(ParallelStyle):
    """A `Linear` of which each rank computes some outputs.

    Args:
        input_layouts: Replicate(): all ranks have the whole input.
        output_layouts: Shard(-1): each has its channels; Replicate(): each has all.
        use_local_output: only True.

    Raises:
        ValueError: for other layouts.
    """

    def __init__(
        self,
        *,
        input_layouts: Placement | None = None,
        output_layouts: Placement | None = None,
        use_local_output: bool = True,
    ):
        _check("ColwiseParallel", use_local_output, input_layouts or Replicate(), Replicate())
        output = output_layouts or Shard(-1)
        _check("ColwiseParallel", use_local_output, output, Shard(-1), Replicate())
        self.gathers = output == Replicate()

    def apply(self, module: Module, cut: Cut) -> Module:
        if not isinstance(module, Linear):
            raise self._refused(module, "a Linear")
        return ColwiseLinear.of(module, cut, self.gathers)


class RowwiseParallel(ParallelStyle):
    """A `Linear` of which each rank has some inputs, or an `Embedding` of which each has some words.

    Args:
        input_layouts: Shard(-1): each rank has its channels; Replicate(): each has all. Of an embedding always Replicate().
        output_layouts: Replicate(): all ranks have the whole output.
        use_local_output: only True.

    Raises:
        ValueError: for other layouts.
    """

    def __init__(
        self,
        *,
        input_layouts: Placement | None = None,
        output_layouts: Placement | None = None,
        use_local_output: bool = True,
    ):
        given = input_layouts or Shard(-1)
        _check("RowwiseParallel", use_local_output, given, Shard(-1), Replicate())
        _check("RowwiseParallel", use_local_output, output_layouts or Replicate(), Replicate())
        self.parts = given == Replicate()

    def apply(self, module: Module, cut: Cut) -> Module:
        if isinstance(module, Embedding):
            return VocabularyEmbedding.of(module, cut)
        if not isinstance(module, Linear):
            raise self._refused(module, "a Linear or an Embedding")
        return RowwiseLinear.of(module, cut, self.parts)


class HeadwiseParallel(ParallelStyle):
    """A `MultiheadAttention` of which each rank has some heads. PyTorch has no such style."""

    def apply(self, module: Module, cut: Cut) -> Module:
        if not isinstance(module, MultiheadAttention):
            raise self._refused(module, "a MultiheadAttention")
        return HeadwiseAttention.of(module, cut)


class PartedParallel(ParallelStyle):
    """A `Dropout` between a `ColwiseParallel` and a `RowwiseParallel` layer: the same units are left out as on one process."""

    def apply(self, module: Module, cut: Cut) -> Module:
        if not isinstance(module, Dropout):
            raise self._refused(module, "a Dropout")
        return PartedDropout.of(module, cut)


def parallelize_module(
    module: Module,
    device_mesh: DeviceMesh | ProcessGroup | None = None,
    parallelize_plan: ParallelStyle | Mapping[str, ParallelStyle] | None = None,
    *,
    src_data_rank: int | None = 0,
) -> Module:
    """Cut layers of a model, in place: afterwards each rank holds its parts of them. All ranks call this.

    All ranks begin with the parameters of the first. Parameters that two layers share stay shared.

    Args:
        module: the model.
        device_mesh: a mesh of one dimension, or a group; None for all ranks.
        parallelize_plan: for names of submodules how they are cut; a `*` stands for any part of a name between dots. A style alone
            cuts `module` itself. None takes `transformer_plan`.
        src_data_rank: which rank of the group has the parameters that all begin with; None if all have the same, which saves time.

    Returns:
        The model; of a style alone, the new layer.

    Raises:
        ValueError: a name fits no submodule, sizes do not fit the ranks, or one of two layers that share a parameter is not cut.
        TypeError: a style does not fit its layer.
        DistError: the models of the ranks have other parameters.
    """
    group = device_mesh.get_group() if isinstance(device_mesh, DeviceMesh) else device_mesh
    cut = Cut(engine_of(group, "parallelize_module"))
    if src_data_rank is not None:
        begin_alike(cut.engine, module, src_data_rank)
    if isinstance(parallelize_plan, ParallelStyle):
        return parallelize_plan.apply(module, cut)
    plan = transformer_plan(module, cut.engine.size) if parallelize_plan is None else parallelize_plan
    for pattern, style in plan.items():
        found = [name for name, _ in module.named_modules() if _fits(name, pattern)]
        if not found:
            raise ValueError(f"parallelize_module: expected the name of a submodule, got {pattern!r}")
        for name in found:
            parent, _, last = name.rpartition(".")
            setattr(module.get_submodule(parent), last, style.apply(module.get_submodule(name), cut))
    if whole := [name for name, p in module.named_parameters() if id(p) in cut.made]:
        raise ValueError(
            f"parallelize_module: {whole[0]} is shared by a layer that is cut; cut both, or none"
        )
    return module


def transformer_plan(module: Module, size: int) -> dict[str, ParallelStyle]:
    """The usual plan for the layers of Transformers in a model: attention by heads, feed-forward parts by their hidden channels.

    Args:
        module: the model.
        size: the number of ranks; an attention stays whole whose number of heads is no multiple of it.

    Returns:
        The plan.

    Raises:
        ValueError: the model has no such layers, or their hidden channels cannot be shared out evenly.
    """
    plan: dict[str, ParallelStyle] = {}
    for name, layer in module.named_modules():
        if not isinstance(layer, (TransformerEncoderLayer, TransformerDecoderLayer)):
            continue
        if layer.linear1.out_features % size:
            what = f"expected dim_feedforward to be a multiple of the {size} ranks, got {layer.linear1.out_features}"
            raise ValueError(f"{name}: {what}")
        begin = f"{name}." if name else ""
        for part in ("self_attn", "multihead_attn"):
            if getattr(layer, part, None) is not None and not getattr(layer, part).num_heads % size:
                plan[begin + part] = HeadwiseParallel()
        plan[begin + "linear1"] = ColwiseParallel()
        plan[begin + "dropout"] = PartedParallel()
        plan[begin + "linear2"] = RowwiseParallel()
    if not plan:
        known = "TransformerEncoderLayer or TransformerDecoderLayer"
        raise ValueError(
            f"transformer_plan: expected a model with a {known}, got a {type(module).__name__}; write a plan"
        )
    return plan


def _fits(name: str, pattern: str) -> bool:
    """Whether each part of a name between dots fits that of the pattern."""
    parts, wanted = name.split("."), pattern.split(".")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _check(style: str, use_local_output: bool, got: Placement, *known: Placement) -> None:
    """Raise ValueError for a layout that is not there."""
    if got not in known or not use_local_output:
        what = " or ".join(map(str, known))
        raise ValueError(f"{style}: expected {what} and use_local_output=True, got {got}, {use_local_output}")
