"""Where the files of a stage lie: `results/<dataset>/<experiment>/<stage>/<image><suffix>`."""

from pathlib import Path

STORE = "BES_STORE"
"""The environment variable with the folder of Snakemake's local copies of a storage, in which
`results` lies as it does in the folder of the run; set for jobs whose results are kept there."""


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


def cache_folder(folder: Path) -> Path:
    """What only spares a stage work: it is known by digests, and can go at any time."""
    return folder / "_memo" / "cache"


def model_file(folder: Path) -> Path:
    """The network of a training stage."""
    return folder / "model.safetensors"


def model_receipt(folder: Path) -> Path:
    """What a training vouches for, and what it measured."""
    return folder / "model.json"


def bundle_file(folder: Path, part: str) -> Path:
    """All files of a shard, or of a stage (`whole`), where only what is declared is moved.

    It lies beside the folder of the stage, as Snakemake takes a folder for whole or not at all.
    """
    return folder.parent / "_bundles" / folder.name / f"{part}.tar"


def folder_mark(folder: Path) -> Path:
    """Says that the folder of a stage has all files of its bundles; logs are in it before."""
    return bundle_file(folder, "whole").with_name("folder.done")
