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
    boundary_labels: np.ndarray | None,
    boundary_map: np.ndarray,
    pseudo_labels: np.ndarray,
) -> Facts:
    """Facts of one photograph.

    Args:
        image_id: its name.
        labels: the classes present.
        boundary_labels: (H,W) uint8 of `BoundaryLabel` values; None where there are none.
        boundary_map: (h,w) probabilities in [0, 1].
        pseudo_labels: (H,W) uint8 label indices, 0 background.
    """
    boundary = [BoundaryLabel.BOUNDARY_FG_FG, BoundaryLabel.BOUNDARY_FG_BG]
    return Facts(
        id=image_id,
        boundary=_share(boundary_labels, boundary),
        uncertain=_share(boundary_labels, [BoundaryLabel.UNCERTAIN]),
        highest_probability=float(boundary_map.max()),
        empty=bool(labels) and not pseudo_labels.any(),
    )


def _share(labels: np.ndarray | None, values: Sequence[int]) -> float | None:
    return None if labels is None else float(np.isin(labels, values).mean())


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
    empty = [fact.id for fact in facts if fact.empty]
    return [
        *_checks_of_boundary_labels(
            [fact.boundary for fact in facts if fact.boundary is not None],
            [fact.uncertain for fact in facts if fact.uncertain is not None],
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


def _checks_of_boundary_labels(
    boundary: Sequence[float], uncertain: Sequence[float]
) -> list[Check]:
    """Of the shares of the photographs; none where there are no boundary labels."""
    if not boundary:
        return []
    mean = np.mean(boundary)
    scarce = bool(mean < MIN_BOUNDARY_SHARE)
    return [
        Check(
            "Boundary pixels in the boundary labels",
            f"{100 * mean:.2f} %",
            "Too few to train BENet: lower theta_scale, raise theta_diff, or bring theta_fg and "
            "theta_bg closer together"
            if scarce
            else "What BENet learns boundaries from; mean over the photographs",
            scarce,
        ),
        Check(
            "Uncertain pixels in the boundary labels",
            f"{100 * np.mean(uncertain):.1f} %",
            "Neither confident foreground nor background, and of no use to BENet; mean over the "
            "photographs",
        ),
    ]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
