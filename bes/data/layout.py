"""Where the files of a stage lie: `results/<dataset>/<experiment>/<stage>/<image><suffix>`."""

from pathlib import Path

SUFFIX = {
    "cams": ".npz",
    "boundary_labels": ".png",
    "boundary_maps": ".png",
    "revised_maps": ".npz",
    "pseudo_labels": ".png",
    "segmentation_maps": ".npz",
    "predictions": ".png",
}
"""The per-image stages in order, with the ending of their files."""

HELD_OUT_STAGES = ("segmentation_maps", "predictions")
"""Those of the photographs held out."""
TRAIN_STAGES = tuple(stage for stage in SUFFIX if stage not in HELD_OUT_STAGES)
"""Those of the photographs to train on."""

WHOLE_STAGES = (
    *("dataset", "evaluation", "boundary_scores", "quality", "report"),
    *("submission", "tables", "comparison"),
)
"""Those with a handful of files for the whole dataset, and one receipt."""


def image_file(stage: str, folder: Path, image_id: str) -> Path:
    """The file of one photograph in the folder of a per-image stage."""
    return folder / f"{image_id}{SUFFIX[stage]}"


def receipt_file(folder: Path, shard: str) -> Path:
    """What a shard vouches for: the name and the digest of each of its files."""
    return folder / "_receipts" / f"{shard}.json"


def whole_receipt(folder: Path) -> Path:
    """What a stage that is not divided into shards vouches for."""
    return receipt_file(folder, "whole")


def memo_file(folder: Path, shard: str) -> Path:
    """What a shard's files were computed from; kept when a receipt is voided."""
    return folder / "_memo" / f"{shard}.jsonl"


def model_file(folder: Path) -> Path:
    """The network of a training stage."""
    return folder / "model.safetensors"


def model_receipt(folder: Path) -> Path:
    """What a training vouches for, and what it measured."""
    return folder / "model.json"
