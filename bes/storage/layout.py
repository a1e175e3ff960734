"""Where the files of a stage lie: `results/<dataset>/<experiment>/<stage>/<image><suffix>`."""

from pathlib import Path


def receipt_file(folder: Path, shard: str) -> Path:
    """What a shard vouches for: the name and the digest of each of its files."""
    return folder / "_receipts" / f"{shard}.json"


def whole_receipt(folder: Path) -> Path:
    """What a stage that is not divided into shards vouches for."""
    return receipt_file(folder, "whole")


def memo_file(folder: Path, shard: str) -> Path:
    """What a shard's files were computed from; kept when a receipt is voided."""
    return folder / "_memo" / f"{shard}.jsonl"


def whole_memo(folder: Path) -> Path:
    """What the files of a stage that is not divided into shards were computed from."""
    return folder / "_memo" / "once.jsonl"


def kept_file(folder: Path, name: str) -> Path:
    """The second name of a file of such a stage, as Snakemake deletes the first before a job."""
    return folder / "_memo" / "kept" / name


def model_file(folder: Path) -> Path:
    """The network of a training stage."""
    return folder / "model.safetensors"


def model_receipt(folder: Path) -> Path:
    """What a training vouches for, and what it measured."""
    return folder / "model.json"
