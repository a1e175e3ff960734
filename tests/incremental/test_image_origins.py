"""What a file is computed from: the origin of an image names what concerns its stage alone."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bes.data.manifest import Catalog, ImageRecord, read_catalog, read_manifest, write_dataset
from bes.incremental.per_image import plan_shard
from bes.incremental.stage import PerImageStage
from bes.stages.shared.walk_labels import PseudoLabelOptions
from bes.storage.memo import Memo, differences


def prepare(options: object, sources: object) -> object:
    """Nothing is computed here."""
    raise NotImplementedError


PLAIN = PerImageStage(name="cams", options=PseudoLabelOptions, prepare=prepare, suffix=".npz")
CORRECTED = replace(PLAIN, name="pseudo_labels", correction=True)
WITHOUT_PHOTOGRAPH = replace(PLAIN, name="revised_maps", photograph=False)


def origins(stage: PerImageStage, dataset: Path) -> dict[str, dict[str, str]]:
    found = {}
    for shard in sorted((dataset / "shards").glob("*.csv")):
        plan = plan_shard(
            stage,
            options=stage.options(),
            code="0",
            dataset=dataset,
            folders={},
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
