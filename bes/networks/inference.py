"""A network as inference runs it: BatchNorm folded into the convolutions, channels last."""

import torch
from torch import nn
from torch.fx.experimental.optimization import fuse
from torch.fx.proxy import TraceError

from bes.networks.backbone import Backbone


def for_inference(network: nn.Module) -> nn.Module:
    """A network with a `backbone`, changed in place: half of the CPU time, outputs within 1e-5 of
    their largest. It can no longer be trained or saved.
    """
    network.eval().requires_grad_(False)
    assert isinstance(network.backbone, Backbone)
    stages = network.backbone.stages
    for number, stage in enumerate(stages):
        # A stage whose course depends on its input cannot be followed, and stays as it is.
        try:
            stages[number] = fuse(stage)
        except (TraceError, TypeError):
            continue
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
