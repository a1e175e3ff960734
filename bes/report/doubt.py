"""What is said of labels that are bad as a whole."""

from collections.abc import Collection, Sequence

from bes.data.ranking import RankedLabel

TOO_MANY = 0.2
"""Of all labels, the share that may be doubtful before none of them is to be trusted."""


def doubt(ranked: Sequence[RankedLabel], seen: Collection[str]) -> str | None:
    """What to say of labels that are bad as a whole, so that a rank among them tells nothing;
    those that were `seen` (`bes.stages.shared.looked_at`) are in order."""
    looks = [row.doubtful and row.image not in seen for row in ranked if row.labels]
    if sum(looks) <= TOO_MANY * len(looks):
        return None
    return (
        f"{sum(looks)} of {len(looks)} labels are empty, fill the frame, touch all borders or "
        "follow no boundary: these masks are not to be trusted, whatever their rank. More "
        "photographs help most; then look at the CAMs on the page (classifier.iterations, "
        "classifier.lr), and at thresholds.jpg beside the ranking (pseudo_labels.threshold)"
    )
