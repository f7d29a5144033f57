"""All passes by name, imported only when one is asked for."""

from __future__ import annotations

from importlib import import_module

from xdsl.passes import ModulePass

PASSES: dict[str, str] = {
    "canonicalize-nn": "cellc.passes.canonicalize_nn:CanonicalizeNNPass",
    "differentiate": "cellc.passes.differentiate:DifferentiatePass",
    "share-sums": "cellc.passes.share_sums:ShareSumsPass",
    "expand-cumsum": "cellc.passes.expand_cumsum:ExpandCumsumPass",
    "fold-scales": "cellc.passes.fold_scales:FoldScalesPass",
    "convert-nn-to-linalg": "cellc.passes.convert_nn_to_linalg:ConvertNNToLinalgPass",
    "drop-unused-results": "cellc.passes.drop_unused_results:DropUnusedResultsPass",
    "channels-last": "cellc.passes.channels_last:ChannelsLastPass",
    "split-k": "cellc.passes.split_k:SplitKPass",
    "sum-in-lanes": "cellc.passes.sum_in_lanes:SumInLanesPass",
    "fuse-elementwise": "cellc.passes.fuse_elementwise:FuseElementwisePass",
    "form-dispatches": "cellc.passes.form_dispatches:FormDispatchesPass",
    "merge-sums": "cellc.passes.merge_sums:MergeSumsPass",
    "hoist-constants": "cellc.passes.hoist_constants:HoistConstantsPass",
    "plan-buffers": "cellc.passes.plan_buffers:PlanBuffersPass",
    "fuse-copies": "cellc.targets.cpu.fuse_copies:FuseCopiesPass",
    "fuse-attention": "cellc.targets.cpu.fuse_attention:FuseAttentionPass",
    "fuse-attention-gradient": "cellc.targets.cpu.fuse_attention_gradient:FuseAttentionGradientPass",
    "share-filters": "cellc.targets.cpu.share_filters:ShareFiltersPass",
    "fuse-pads": "cellc.targets.cpu.fuse_pads:FusePadsPass",
    "fuse-padded-reads": "cellc.targets.cpu.fuse_padded_reads:FusePaddedReadsPass",
    "fuse-prologues": "cellc.targets.cpu.fuse_prologues:FuseProloguesPass",
    "widen-factors": "cellc.targets.cpu.widen_factors:WidenFactorsPass",
    "pack-constants": "cellc.targets.cpu.pack_constants:PackConstantsPass",
    "map-kernels-to-gpu": "cellc.targets.gpu.map_kernels:MapKernelsToGPUPass",
    "lower-kernels-to-ascend": "cellc.targets.ascend.lower_kernels:LowerKernelsToAscendPass",
}
"""Pass name -> "module:Class"; a test checks that each class has that name."""


class UnknownPassError(ValueError):
    """There is no pass of this name; the message lists those there are."""


def get_pass(name: str) -> type[ModulePass]:
    """The pass class; raises `UnknownPassError`."""
    if name not in PASSES:
        raise UnknownPassError(f"there is no pass '{name}'; passes: {', '.join(PASSES)}")
    module, _, class_name = PASSES[name].partition(":")
    return getattr(import_module(module), class_name)
