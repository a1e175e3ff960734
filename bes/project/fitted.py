"""The settings that a folder of photographs is given before anybody has tried others."""

from typing import Any

FEW = 192
"""Photographs of which 5 epochs are fewer than 60 iterations."""
CHOSEN_AT = 250_000
"""Pixels that they have at most: sizes of crops, windows and kernels go with it."""
PER_SHARD = 256
OF_FEW: dict[str, dict[str, Any]] = {
    "cams": {"floor": 0.3},
    "revised_maps": {"calibration": "otsu"},
    "pseudo_labels": {"threshold": 0.5},
    "teacher_maps": {"source": "none"},
}
"""Sections of fewer photographs than that alone."""


def fitted(photographs: int, pixels: int) -> dict[str, Any]:
    """What a configuration says beside config/photographs.yaml, for `photographs` photographs to
    train on, of which the middle one has `pixels` pixels.

    The classifier has 5 epochs, but at least 60 iterations, and those at a lower rate: at the rate
    of many photographs a hundred iterations on 40 end in a network that knows none of them. On 40
    photographs of three animals the best CAMs came from 42.1 to 48.7 mIoU so. Such a classifier
    scores the background too: the CAMs are lowered by what a third of the photograph stays below.
    Their level differs from photograph to photograph, so each has its own threshold: 58.1 mIoU in
    place of 53.8 with BENet's boundaries; 59.7 with IRNet's, which has the iterations of the
    configuration or, for few, 200. A teacher did not learn enough from them to be worth its time.
    """
    few = photographs < FEW
    return {
        "shards": max(1, -(-photographs // PER_SHARD)),
        "dataset": {"max_pixels": CHOSEN_AT} if pixels > CHOSEN_AT else {},
        "classifier": {"iterations": 60, "lr": 0.003} if few else {"epochs": 5},
        "irnet": {"iterations": 200 if few else 700},
        **(OF_FEW if few else {}),
    }
