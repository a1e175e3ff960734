"""The loss of a segmentation network on pseudo labels."""

import torch
import torch.nn.functional as F

VOID = 255


def segmentation_loss(
    logits: torch.Tensor, labels: torch.Tensor, *, balanced: bool
) -> torch.Tensor:
    """Cross-entropy, summed over scales, each a mean over the pixels that have a label.

    `balanced` gives background and foreground half of the weight each, however few pixels one has
    in the batch (Huang et al., "Weakly-Supervised Semantic Segmentation Network with Deep Seeded
    Region Growing", CVPR 2018, Eq. 2).

    Args:
        logits: (B,S,K,h,w) of S scales and K labels.
        labels: (B,h,w) integers: 0 background, 1..K-1 the classes, 255 void.
        balanced: see above.

    Returns:
        A scalar; 0 where no pixel has a label.
    """
    scales = logits.shape[1]
    flat = logits.transpose(1, 2)
    target = labels.long().unsqueeze(1).expand(-1, scales, -1, -1)
    each = F.cross_entropy(flat, target, ignore_index=VOID, reduction="none")
    labelled = target != VOID
    if not balanced:
        return scales * _mean(each, labelled)
    parts = [labelled & (target == 0), labelled & (target > 0)]
    means = [_mean(each, part) for part in parts if part.any()]
    return scales * (torch.stack(means).mean() if means else _mean(each, labelled))


def _mean(values: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    return (values * chosen).sum() / chosen.sum().clamp(min=1)
