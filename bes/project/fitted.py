"""The settings that a folder of photographs is given before anybody has tried others."""

from typing import Any

CHOSEN_ON = 480
"""Photographs that the settings of config/photographs.yaml were chosen on."""
CHOSEN_AT = 250_000
"""Pixels that they have at most: sizes of crops, windows and kernels go with it."""
PER_SHARD = 256


def fitted(photographs: int, pixels: int) -> dict[str, Any]:
    """What a configuration says beside config/photographs.yaml, for `photographs` photographs to
    train on, of which the middle one has `pixels` pixels.

    The classifier has at least the 150 iterations that 5 epochs of 480 photographs are, and the 5
    epochs of more photographs. BENet has its iterations whatever there is: it learns what a
    boundary looks like, which photographs have in common.
    """
    few = photographs < CHOSEN_ON
    return {
        "shards": max(1, -(-photographs // PER_SHARD)),
        "dataset": {"max_pixels": CHOSEN_AT} if pixels > CHOSEN_AT else {},
        "classifier": {"iterations": 150} if few else {"epochs": 5},
        "benet": {"iterations": 700},
    }
