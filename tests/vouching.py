"""Receipts and digests of files that no job wrote."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from bes.data.manifest import read_catalog, read_manifest, shards_folder, write_dataset
from bes.incremental.inputs import receipts_of, shards_of
from bes.incremental.stage import image_file, is_per_image, per_image_stages
from bes.storage.files import digest_file
from bes.storage.receipts import write_receipt


def vouch_for(folder: Path, dataset: Path | None = None, **more: Any) -> None:
    """Write the receipts of what lies in a folder, as the stage of the folder's name would have.

    `dataset` is needed of a per-image stage; `more` is what the receipt of a network says beside.
    """
    stage = folder.name
    if not is_per_image(stage):
        (receipt,) = receipts_of(stage, folder, [])
        paths = [path for path in folder.rglob("*") if path.is_file() and path != receipt]
        write_receipt(receipt, _digests(folder, paths), **more)
        return
    assert dataset is not None
    home = shards_folder(dataset, held_out=stage in per_image_stages(held_out=True))
    for receipt in receipts_of(stage, folder, shards_of(dataset)):
        records = read_manifest(home / f"{receipt.stem}.csv")
        paths = [image_file(stage, folder, record.id) for record in records]
        write_receipt(receipt, _digests(folder, paths))


def _digests(folder: Path, paths: list[Path]) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): str(digest_file(path))
        for path in paths
        if not path.relative_to(folder).parts[0].startswith("_")
    }


def settle_digests(dataset: Path) -> None:
    """Have a manifest say what its photographs and masks are: those that are there now."""
    catalog = read_catalog(dataset / "classes.json")
    records = [
        replace(
            record,
            digest=digest_file(catalog.root / record.path) or "",
            mask_digest=(digest_file(catalog.root / record.mask) or "") if record.mask else "",
        )
        for record in read_manifest(dataset / "images.csv")
    ]
    write_dataset(dataset, records=records, catalog=catalog, shards=len(shards_of(dataset)))
