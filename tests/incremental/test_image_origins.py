"""What a file is computed from: the origin of an image names what concerns its stage alone."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest, write_dataset
from bes.incremental.per_image import plan_shard, run_per_image
from bes.incremental.stage import Compute, PerImageStage, Sources, image_file
from bes.stages.shared.walk_labels import PseudoLabelOptions
from bes.storage.layout import receipt_file
from bes.storage.memo import Memo, differences
from bes.storage.receipts import write_receipt


def prepare(options: object, sources: object) -> object:
    """Nothing is computed here."""
    raise NotImplementedError


PLAIN = PerImageStage(name="cams", options=PseudoLabelOptions, prepare=prepare, suffix=".npz")
CORRECTED = replace(PLAIN, name="pseudo_labels", correction=True)
WITHOUT_PHOTOGRAPH = replace(PLAIN, name="revised_maps", photograph=False)


def origins(
    stage: PerImageStage, dataset: Path, folders: dict[str, Path] | None = None
) -> dict[str, dict[str, str]]:
    found = {}
    for shard in sorted((dataset / "shards").glob("*.csv")):
        plan = plan_shard(
            stage,
            options=stage.options(),
            code="0",
            dataset=dataset,
            folders=folders or {},
            out=dataset.parent / "out",
            shard=shard.stem,
            memo=Memo(dataset.parent / "memo"),
        )
        found |= plan.origins
    return found


def rewrite(dataset: Path, *, catalog: dict[str, object], record: dict[str, object]) -> None:
    """Write the manifest anew with changes to the catalog and to photo_03."""
    records = [
        ImageRecord(**asdict(r) | (record if r.id == "photo_03" else {}))
        for r in read_manifest(dataset / "images.csv")
    ]
    before = read_catalog(dataset / "classes.json")
    after: Catalog = replace(before, **catalog)
    write_dataset(dataset, records=records, catalog=after, shards=3)


def changed(stage: PerImageStage, dataset: Path, **changes: dict[str, object]) -> dict:
    """Image -> the names in its origin that a change of the manifest changes."""
    before = origins(stage, dataset)
    rewrite(dataset, **{"catalog": {}, "record": {}} | changes)
    after = origins(stage, dataset)
    return {image: names for image in before if (names := differences(before[image], after[image]))}


CORRECTION = {"correction": "corrected/photo_03.png", "correction_digest": "1"}


def test_a_correction_concerns_one_image_of_the_stage_that_is_corrected(dataset: Path) -> None:
    assert changed(CORRECTED, dataset, record=CORRECTION) == {"photo_03": ["correction"]}


@pytest.mark.parametrize("stage", [PLAIN, WITHOUT_PHOTOGRAPH])
def test_a_correction_concerns_no_other_stage(stage: PerImageStage, dataset: Path) -> None:
    assert changed(stage, dataset, record=CORRECTION) == {}


def test_the_values_of_masks_are_nothing_to_a_correction(dataset: Path) -> None:
    rewrite(dataset, catalog={}, record=CORRECTION)
    values = {"mask_values": (8, 12)}
    assert changed(CORRECTED, dataset, catalog=values) == {}


def test_the_limit_of_pixels_concerns_larger_photographs_alone(dataset: Path) -> None:
    rewrite(dataset, catalog={}, record={"width": 4000, "height": 3000})
    limit = {"max_pixels": 400_000}
    assert changed(PLAIN, dataset, catalog=limit) == {"photo_03": ["reading"]}
    assert changed(WITHOUT_PHOTOGRAPH, dataset, catalog={"max_pixels": 300_000}) == {}


def test_the_bits_in_use_concern_all_photographs(dataset: Path) -> None:
    every = {image: ["reading"] for image in origins(PLAIN, dataset)}
    assert changed(PLAIN, dataset, catalog={"bit_depth": 12}) == every
    assert changed(WITHOUT_PHOTOGRAPH, dataset, catalog={"bit_depth": 10}) == {}


def test_what_a_stage_reads_where_it_is_there_concerns_its_photograph(dataset: Path) -> None:
    folder = dataset.parent / "foreground"

    def give(digest: str) -> None:
        for shard in sorted((dataset / "shards").glob("*.csv")):
            ids = [record.id for record in read_manifest(shard)]
            files = {image_file("foreground", folder, i).name: i for i in ids}
            last = image_file("foreground", folder, "photo_03").name
            write_receipt(
                receipt_file(folder, shard.stem), files | ({last: digest} if last in files else {})
            )

    stage = replace(CORRECTED, reads_if_there=("foreground",))
    without = origins(stage, dataset)
    give("1")
    before = origins(stage, dataset, {"foreground": folder})
    assert differences(without["photo_00"], before["photo_00"]) == ["foreground"]
    give("2")
    after = origins(stage, dataset, {"foreground": folder})
    found = {image: differences(before[image], after[image]) for image in before}
    assert {image: names for image, names in found.items() if names} == {"photo_03": ["foreground"]}


def test_a_job_that_fails_leaves_no_receipt_of_files_of_which_some_are_new(dataset: Path) -> None:
    def run(content: bytes, fails_at: str) -> None:
        def prepare(options: object, sources: Sources) -> Compute:
            def compute(record: ImageRecord) -> bytes:
                if record.id == fails_at:
                    raise RuntimeError("killed")
                return content

            return compute

        run_per_image(
            replace(WITHOUT_PHOTOGRAPH, prepare=prepare),
            options=PseudoLabelOptions(),
            dataset=dataset,
            folders={},
            out=out,
            shards=[shard.stem],
            threads=1,
            device="cpu",
            code=content.decode(),
        )

    out, shard = dataset.parent / "out", min((dataset / "shards").glob("*.csv"))
    first, *_, last = [record.id for record in read_manifest(shard)]
    run(b"old", fails_at="")
    assert receipt_file(out, shard.stem).exists()
    with pytest.raises(RuntimeError, match="killed"):
        run(b"new", fails_at=last)
    files = [image_file("revised_maps", out, image).read_bytes() for image in (first, last)]
    assert files == [b"new", b"old"]
    assert not receipt_file(out, shard.stem).exists()
