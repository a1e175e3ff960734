"""What a job reads, by name: each change has its own, and what is not read has none."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from vouching import vouch_for

from bes.data.manifest import read_catalog, read_manifest, write_dataset
from bes.errors import BesError
from bes.incremental.inputs import Reader, files_of, inputs_of, options_digest, vouchers_of
from bes.incremental.stage import image_file, stage_of
from bes.stages.benet import BenetOptions
from bes.stages.boundary_scores import BoundaryScoreOptions
from bes.stages.cams import CamOptions
from bes.storage.files import digest_file, write_atomic
from bes.storage.layout import model_file, receipt_file
from bes.storage.memo import differences

SHARD, OTHER = "000", "001"


@pytest.fixture
def folders(dataset: Path, tmp_path: Path) -> dict[str, Path]:
    """Results of a stage of each kind."""
    found = {stage: tmp_path / stage for stage in ("cams", "predictions", "benet", "evaluation")}
    for record in read_manifest(dataset / "images.csv"):
        write_atomic(image_file("cams", found["cams"], record.id), record.id.encode())
    write_atomic(model_file(found["benet"]), b"weights")
    write_atomic(found["evaluation"] / "scores.json", b"{}")
    for folder in found.values():
        vouch_for(folder, dataset)
    return found


def inputs(
    dataset: Path, folders: dict[str, Path], stage: str = "", **changes: Any
) -> dict[str, str]:
    """Those of a per-image stage or, without a shard, of a training."""
    given: dict[str, Any] = {
        "options": CamOptions(),
        "code": "1",
        "dataset": dataset,
        "folders": folders,
        "out": Path("results/p/base/stage"),
        "shard": SHARD,
    }
    given |= changes
    return inputs_of(stage_of(stage or ("cams" if given["shard"] else "benet")), **given)


def rewrite(dataset: Path, shard: str, **changes: Any) -> None:
    """Another first photograph in a shard."""
    first = read_manifest(dataset / "shards" / f"{shard}.csv")[0].id
    records = [
        replace(record, **changes) if record.id == first else record
        for record in read_manifest(dataset / "images.csv")
    ]
    catalog = read_catalog(dataset / "classes.json")
    write_dataset(dataset, records=records, catalog=catalog, shards=3)


def renew(dataset: Path, folder: Path, shard: str) -> None:
    """Another map of the first photograph in a shard."""
    first = read_manifest(dataset / "shards" / f"{shard}.csv")[0].id
    write_atomic(image_file("cams", folder, first), b"new")
    vouch_for(folder, dataset)


def other_classes(dataset: Path) -> None:
    catalog = replace(read_catalog(dataset / "classes.json"), max_pixels=20_000)
    records = read_manifest(dataset / "images.csv")
    write_dataset(dataset, records=records, catalog=catalog, shards=3)


def other_file(folder: Path, name: str) -> None:
    write_atomic(folder / name, b"new")
    vouch_for(folder)


CHANGES: dict[str, tuple[Callable[[Path, dict[str, Path]], object], set[str], set[str]]] = {
    "a photograph": (lambda d, f: rewrite(d, SHARD, digest="1" * 32), {"images"}, {"images"}),
    "its labels": (lambda d, f: rewrite(d, SHARD, labels=("dog",)), {"images"}, {"images"}),
    "one of another shard": (lambda d, f: rewrite(d, OTHER, digest="1" * 32), set(), {"images"}),
    "the classes": (lambda d, f: other_classes(d), {"classes"}, {"classes"}),
    "a map": (lambda d, f: renew(d, f["cams"], SHARD), {"cams"}, {"cams"}),
    "a map of another shard": (lambda d, f: renew(d, f["cams"], OTHER), set(), {"cams"}),
    "a network": (
        lambda d, f: other_file(f["benet"], "model.safetensors"),
        {"benet"},
        {"benet"},
    ),
    "scores": (
        lambda d, f: other_file(f["evaluation"], "scores.json"),
        {"evaluation"},
        {"evaluation"},
    ),
    "receipts written again": (
        lambda d, f: [vouch_for(folder, d) for folder in f.values()],
        set(),
        set(),
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_has_the_name_of_what_changed(
    dataset: Path, folders: dict[str, Path], case: str
) -> None:
    change, of_shard, of_all = CHANGES[case]
    before = [inputs(dataset, folders, shard=shard) for shard in (SHARD, None)]
    change(dataset, folders)
    after = [inputs(dataset, folders, shard=shard) for shard in (SHARD, None)]
    found = [set(differences(*pair)) for pair in zip(before, after, strict=True)]
    assert found == [of_shard, of_all]


def test_options_code_and_more_have_their_names(dataset: Path, folders: dict[str, Path]) -> None:
    changes = {"options": CamOptions(flip=False), "code": "2", "policy": "frozen"}
    before = inputs(dataset, folders, shard=None)
    for name, value in changes.items():
        assert differences(before, inputs(dataset, folders, shard=None, **{name: value})) == [name]


def test_a_table_depends_on_the_names_that_head_it(dataset: Path, folders: dict[str, Path]) -> None:
    before, after = (
        inputs(dataset, folders, "report", shard=None, out=Path(f"results/{name}/report"))
        for name in ("p/base", "p/other")
    )
    assert differences(before, after) == ["place"]


def test_files_from_outside_count_by_what_they_look_like(
    dataset: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    def looked_at() -> dict[str, str]:
        options = BoundaryScoreOptions(sbd=str(tmp_path / "cls"))
        return inputs(dataset, folders, "boundary_scores", shard=None, options=options)

    write_atomic(tmp_path / "cls" / "a.mat", b"one")
    before = looked_at()
    assert looked_at() == before
    write_atomic(tmp_path / "cls" / "a.mat", b"two")
    assert differences(before, looked_at()) == ["sbd"]


def test_photographs_held_out_are_read_from_their_own_tables(
    dataset: Path, folders: dict[str, Path]
) -> None:
    before = inputs(dataset, folders, "predictions")
    rewrite(dataset, SHARD, digest="1" * 32)
    assert inputs(dataset, folders, "predictions") == before
    rewrite(dataset, SHARD, split="val")
    assert differences(before, inputs(dataset, folders, "predictions")) == ["images"]


MISSING = {
    "images.csv": r"images\.csv: no such file; `bes dataset` writes it",
    "classes.json": r"classes\.json: no such file; `bes dataset` writes it",
}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_table_is_named(dataset: Path, name: str) -> None:
    (dataset / name).unlink()
    with pytest.raises(BesError, match=MISSING[name]):
        inputs(dataset, {}, shard=None)


def test_a_missing_receipt_is_named(dataset: Path, folders: dict[str, Path]) -> None:
    receipt_file(folders["cams"], SHARD).unlink()
    with pytest.raises(BesError, match=r"000\.json: no such receipt; run `bes cams` first"):
        inputs(dataset, folders)
    with pytest.raises(BesError, match=r"000\.json: no such receipt; run `bes cams` first"):
        vouchers_of(folders, [OTHER, SHARD])


def test_weights_count_by_their_bytes_and_not_by_their_name(tmp_path: Path) -> None:
    one, two = tmp_path / "one.pth", tmp_path / "two.pth"
    one.write_bytes(b"weights")
    two.write_bytes(b"weights")
    digests = [options_digest(BenetOptions(weights=str(path))) for path in (one, two)]
    assert digests[0] == digests[1]
    two.write_bytes(b"Weights")
    digests.append(options_digest(BenetOptions(weights=str(two))))
    digests += [options_digest(BenetOptions(weights=word)) for word in ("imagenet", "none")]
    assert len(set(digests)) == 4


def test_a_reader_looks_once_at_each_file(dataset: Path, folders: dict[str, Path]) -> None:
    reader = Reader()
    before = inputs(dataset, folders, reader=reader)
    for path in (receipt_file(folders["cams"], SHARD), dataset / "classes.json"):
        path.unlink()
    assert inputs(dataset, folders, reader=reader) == before
    with pytest.raises(BesError):
        inputs(dataset, folders)


def test_every_file_of_the_shards_that_are_read_has_its_voucher(
    dataset: Path, folders: dict[str, Path]
) -> None:
    found = vouchers_of(folders, [SHARD])
    assert {v.home / name: digest for v in found for name, digest in v.files.items()} == {
        path: digest_file(path)
        for path in (
            model_file(folders["benet"]),
            folders["evaluation"] / "scores.json",
            *(
                image_file("cams", folders["cams"], record.id)
                for record in read_manifest(dataset / "shards" / f"{SHARD}.csv")
            ),
        )
    }
    assert all(v.receipt and v.receipt.is_relative_to(v.home) for v in found)


def test_photographs_masks_and_corrections_are_what_the_manifest_says(dataset: Path) -> None:
    catalog = read_catalog(dataset / "classes.json")
    plain, other, *_ = read_manifest(dataset / "images.csv")
    masked = replace(other, mask="m/1.png", mask_digest="1", correction="c/1.png")
    away = replace(plain, path="/elsewhere/a.jpg", digest="3")
    found = files_of(catalog, [plain, replace(masked, correction_digest="2"), away])
    assert {str(v.home / name): digest for v in found for name, digest in v.files.items()} == {
        "/elsewhere/a.jpg": "3",
    } | {
        f"{catalog.root}/{plain.path}": plain.digest,
        f"{catalog.root}/{other.path}": other.digest,
        f"{catalog.root}/m/1.png": "1",
        f"{catalog.root}/c/1.png": "2",
    }
    assert {voucher.receipt for voucher in found} == {None}
