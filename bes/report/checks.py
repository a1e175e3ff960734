"""Health checks: figures that tell without any mask where a run went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bes.method.boundary_labels import BoundaryLabel
from bes.report.measures import Facts

MIN_BOUNDARY_SHARE = 0.001
"""With a smaller share of boundary pixels BENet has next to nothing to learn from."""
LISTED = 20
"""Photographs named at most."""


def observe(
    image_id: str,
    *,
    labels: Sequence[str],
    boundary_labels: np.ndarray,
    boundary_map: np.ndarray,
    pseudo_labels: np.ndarray,
) -> Facts:
    """Facts of one photograph.

    Args:
        image_id: its name.
        labels: the classes present.
        boundary_labels: (H,W) uint8 of `BoundaryLabel` values.
        boundary_map: (h,w) probabilities in [0, 1].
        pseudo_labels: (H,W) uint8 label indices, 0 background.
    """
    boundary = [BoundaryLabel.BOUNDARY_FG_FG, BoundaryLabel.BOUNDARY_FG_BG]
    return Facts(
        id=image_id,
        boundary=float(np.isin(boundary_labels, boundary).mean()),
        uncertain=float((boundary_labels == BoundaryLabel.UNCERTAIN).mean()),
        highest_probability=float(boundary_map.max()),
        empty=bool(labels) and not pseudo_labels.any(),
    )


@dataclass(frozen=True)
class Check:
    """One figure and what to make of it."""

    name: str
    value: str
    note: str
    """What it means, or what to do about it."""
    warning: bool = False


def checks(facts: Sequence[Facts]) -> list[Check]:
    """The checks of all photographs, at least one."""
    boundary = np.mean([fact.boundary for fact in facts])
    scarce = bool(boundary < MIN_BOUNDARY_SHARE)
    empty = [fact.id for fact in facts if fact.empty]
    return [
        Check(
            "Boundary pixels in the boundary labels",
            f"{100 * boundary:.2f} %",
            "Too few to train BENet: lower theta_scale, raise theta_diff, or bring theta_fg and "
            "theta_bg closer together"
            if scarce
            else "What BENet learns boundaries from; mean over the photographs",
            scarce,
        ),
        Check(
            "Uncertain pixels in the boundary labels",
            f"{100 * np.mean([fact.uncertain for fact in facts]):.1f} %",
            "Neither confident foreground nor background, and of no use to BENet; mean over the "
            "photographs",
        ),
        Check(
            "Highest boundary probability of a photograph",
            f"{np.mean([fact.highest_probability for fact in facts]):.2f}",
            "Near 1 the random walk is stopped, far below it seeps through; mean over the "
            "photographs",
        ),
        Check(
            "Pseudo labels that are all background",
            f"{len(empty)} of {len(facts)}",
            f"A class is present but nothing of it was found: {_listed(empty)}"
            if empty
            else "Every photograph with a class has some of it in its pseudo label",
            bool(empty),
        ),
    ]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
