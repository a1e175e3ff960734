"""Before a run: exactly what changed is found and made anew, whatever the dates say."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from finished import (
    CONFIG,
    NO_CRF,
    RESULTS,
    SHARDS,
    all_receipts,
    flip,
    label,
    project,
    receipt_at,
    shard_of_image,
)

from bes.project import prepare as preparation
from bes.project.prepare import Call, Prepared, prepare, read_call
from bes.project.settings import Project
from bes.project.staleness import staleness, undo_future, void
from bes.stages.dataset import facts_file, stamp_file
from bes.stages.export import run_export
from bes.storage.code_digest import code_digest
from bes.storage.files import write_atomic
from bes.storage.layout import cache_folder, whole_receipt
from bes.storage.memo import Memo
from bes.storage.receipts import home_of, read_inputs, read_receipt, write_receipt

pytestmark = pytest.mark.usefixtures("finished")
Stale = dict[str, list[str]]
SHARD = shard_of_image("0")
"""That of the photograph which the tests change."""
PER_IMAGE = ("cams", "boundary_labels", "boundary_maps", "revised_maps", "pseudo_labels")


@pytest.fixture(autouse=True)
def snakemakes_own_folder_is_no_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "run_in", lambda folder: SimpleNamespace(alone=False))


def stale(found: Project) -> Stale:
    """Receipt, as `base/cams/000` -> what changed."""
    return {label(receipt): reasons for receipt, reasons in staleness(found).reasons().items()}


def test_nothing_is_stale_after_a_run() -> None:
    assert stale(project()) == {}
    assert {label(path) for path in all_receipts()} >= {
        *("base/dataset/whole", "base/classifier/model", "base/cams/000", "other/report/whole"),
        *("base/export/torchvision/export", "base/tables/whole", "comparisons/both/whole"),
    }


# What the configuration says


def of_shards(stage: str, *reasons: str) -> Stale:
    return {f"{stage}/{shard}": list(reasons) for shard in SHARDS}


CONFIGURED: dict[str, tuple[dict[str, Any], Stale]] = {
    "an option of a stage": (
        {"boundary_labels": {"window": 9}},
        of_shards("base/boundary_labels", "options"),
    ),
    "an option that others follow": (
        {"pseudo_labels": NO_CRF | {"threshold": 0.3}},
        of_shards("base/pseudo_labels", "options")
        | {"base/evaluation/whole": ["options"], "base/quality/whole": ["options"]},
    ),
    "an option of one experiment": (
        {"experiments": {"other": {"pseudo_labels": {"threshold": 0.5}}}},
        of_shards("other/pseudo_labels", "options")
        | {"other/evaluation/whole": ["options"], "other/quality/whole": ["options"]},
    ),
    "an option of the report": (
        {"report": {"images": 3}},
        {"base/report/whole": ["options"], "other/report/whole": ["options"]},
    ),
    "an option of the dataset": (
        {"dataset": {"root": "photographs", "max_pixels": 20_000}},
        {"base/dataset/whole": ["options"]},
    ),
    "the policy": (
        {"policy": "frozen"},
        {"base/classifier/model": ["policy"], "base/benet/model": ["policy"]},
    ),
    "a comparison": (
        {"comparisons": {"both": {"experiments": ["other", "base"]}}},
        {"comparisons/both/whole": ["comparison"]},
    ),
    "an experiment more": (
        {"experiments": CONFIG["experiments"] | {"third": {"cams": {"flip": False}}}},
        {},
    ),
    "the device": ({"device": "cpu", "gpus": 2}, {}),
}


@pytest.mark.parametrize("case", CONFIGURED)
def test_a_change_of_the_configuration(case: str) -> None:
    changes, expected = CONFIGURED[case]
    assert stale(project(**changes)) == expected


def test_fewer_shards() -> None:
    found = stale(project(shards=1))
    gone = {name: ["shards"] for name in map(label, all_receipts()) if name.endswith("/001")}
    assert len(gone) == 6
    assert found == gone | {"base/dataset/whole": ["shards"]}


def test_initial_weights_count_by_their_content() -> None:
    shutil.copy("weights.pth", "renamed.pth")
    assert stale(project(classifier={"weights": "renamed.pth"})) == {}
    Path("weights.pth").write_bytes(b"weights that nobody Reads")
    assert stale(project()) == {"base/classifier/model": ["options"]}


@pytest.mark.parametrize("stage", ["benet", "cams", "report", "tables"])
def test_the_code_of_a_stage(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def digest(module: str, *assets: Path) -> str:
        return "new" if module == f"bes.stages.{stage}" else code_digest(module, *assets)

    monkeypatch.setattr("bes.incremental.stage.code_digest", digest)
    monkeypatch.setattr("bes.stages.comparison.code_digest", digest)
    assert stale(project()) == {
        name: ["code"] for name in map(label, all_receipts()) if name.split("/")[1] == stage
    }


# Files of the user's


LIST = "ImageSets/Segmentation/val.txt"
FILES: dict[str, tuple[Callable[[], object], list[str]]] = {
    "a label": (lambda: flip("photographs/labels.csv"), ["labels.csv"]),
    "a list": (lambda: flip(f"photographs/{LIST}"), [LIST]),
    "a photograph": (lambda: flip("photographs/JPEGImages/0.jpg"), ["JPEGImages"]),
    "a mask": (lambda: flip("photographs/SegmentationClass/0.png"), ["SegmentationClass"]),
    "a photograph less": (lambda: os.remove("photographs/JPEGImages/0.jpg"), ["JPEGImages"]),
    "a photograph more": (
        lambda: shutil.copy("photographs/JPEGImages/0.jpg", "photographs/JPEGImages/9.jpg"),
        ["JPEGImages"],
    ),
    "another name": (
        lambda: os.rename("photographs/JPEGImages/0.jpg", "photographs/JPEGImages/9.jpg"),
        ["JPEGImages"],
    ),
    "two that changed places": (
        lambda: (
            os.rename("photographs/JPEGImages/0.jpg", "x"),
            os.rename("photographs/JPEGImages/1.jpg", "photographs/JPEGImages/0.jpg"),
            os.rename("x", "photographs/JPEGImages/1.jpg"),
        ),
        ["JPEGImages"],
    ),
    "no masks": (lambda: shutil.rmtree("photographs/SegmentationClass"), ["SegmentationClass"]),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_of_the_dataset(case: str) -> None:
    """What follows from it is seen when the dataset has been read anew."""
    change, reasons = FILES[case]
    change()
    assert stale(project()) == {"base/dataset/whole": reasons}


@pytest.mark.parametrize("name", ["notes.txt", "JPEGImages/config.yaml", "other/Thumbs.db"])
def test_a_stray_file_is_no_change(name: str) -> None:
    path = Path("photographs", name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    assert stale(project()) == {}


# Results


def renew(name: str, file: str, content: bytes = b"new") -> None:
    """Have a stage write a file anew."""
    receipt = receipt_at(name)
    write_atomic(home_of(receipt) / file, content)
    files, inputs = read_receipt(receipt), read_inputs(receipt)
    write_receipt(receipt, files | {file: f"digest of {content!r}"}, inputs)


def both(stage: str, *reasons: str) -> Stale:
    return {f"{experiment}/{stage}/whole": list(reasons) for experiment in ("base", "other")}


RENEWED: dict[str, tuple[str, str, Stale]] = {
    "maps of a photograph": (
        f"base/cams/{SHARD}",
        "0.npz",
        {f"base/boundary_labels/{SHARD}": ["cams"], f"base/revised_maps/{SHARD}": ["cams"]}
        | both("evaluation", "cams")
        | both("report", "cams"),
    ),
    "a pseudo label": (
        f"other/pseudo_labels/{SHARD}",
        "0.png",
        {
            f"other/{stage}/whole": ["pseudo_labels"]
            for stage in ("evaluation", "quality", "report")
        },
    ),
    "a pseudo label that is exported": (
        f"base/pseudo_labels/{SHARD}",
        "0.png",
        {
            f"base/{stage}": ["pseudo_labels"]
            for stage in (
                *("evaluation/whole", "quality/whole", "report/whole"),
                "export/torchvision/export",
            )
        },
    ),
    "a network": (
        "base/benet/model",
        "model.safetensors",
        of_shards("base/boundary_maps", "benet") | both("report", "benet"),
    ),
    "a classifier": (
        "base/classifier/model",
        "model.safetensors",
        # BENet has weights of its own.
        of_shards("base/cams", "classifier") | both("report", "classifier"),
    ),
    "scores": (
        "base/evaluation/whole",
        "scores.json",
        {
            "base/report/whole": ["evaluation"],
            "base/tables/whole": ["evaluation"],
            "comparisons/both/whole": ["comparison"],
        },
    ),
    "a ranking": ("other/quality/whole", "ranking.csv", {"other/report/whole": ["quality"]}),
    "a page": ("base/report/whole", "page/index.html", {}),
}


@pytest.mark.parametrize("case", RENEWED)
def test_a_result_that_was_made_anew(case: str) -> None:
    name, file, expected = RENEWED[case]
    renew(name, file)
    assert stale(project()) == expected


def test_a_result_that_was_made_anew_as_it_was_changes_nothing() -> None:
    for receipt in all_receipts():
        write_receipt(receipt, read_receipt(receipt), read_inputs(receipt))
    assert stale(project()) == {}


def readers_of_images(shard: str) -> Stale:
    """All that reads the manifest of a shard."""
    return {f"base/{s}/{shard}": ["images"] for s in PER_IMAGE} | {
        f"other/pseudo_labels/{shard}": ["images"]
    }


def test_a_table_of_the_manifest_that_changed() -> None:
    flip("results/p/base/dataset/shards/000.csv")
    expected = {"base/dataset/whole": ["shards/000.csv"]}
    assert stale(project()) == expected | readers_of_images("000")


def test_the_classes_are_read_by_all_but_comparisons() -> None:
    path = RESULTS / "base/dataset/classes.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"max_pixels": 30_000}))
    found = stale(project())
    assert found.pop("base/dataset/whole") == ["classes.json"]
    assert found == {
        name: ["classes"]
        for name in map(label, all_receipts())
        if not name.startswith(("base/dataset", "comparisons"))
    }


@pytest.mark.parametrize("harm", [os.remove, lambda path: os.truncate(path, 0)], ids=["no", "cut"])
@pytest.mark.parametrize(
    "name, file",
    [
        (f"base/cams/{SHARD}", "0.npz"),
        ("base/benet/model", "metrics.csv"),
        ("base/quality/whole", "ranking.csv"),
        ("other/report/whole", "page/index.html"),
        ("comparisons/both/whole", "figure.png"),
    ],
)
def test_a_file_that_is_missing_or_empty(
    name: str, file: str, harm: Callable[[Path], object]
) -> None:
    harm(home_of(receipt_at(name)) / file)
    assert stale(project()) == {name: [file]}


def test_no_result_that_is_missing_stops_a_run() -> None:
    for path in [path for path in sorted(RESULTS.rglob("*")) if path.is_file()]:
        content = path.read_bytes()
        path.unlink()
        prepare(project(), Call(looks=True))
        write_atomic(path, content)


def test_every_receipt_may_be_damaged_and_is_named_for_it() -> None:
    """What reads it is made anew after it, if it comes out differently."""
    for name in map(label, all_receipts()):
        path = receipt_at(name)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        assert stale(project()) == {name: [path.name]}
        path.write_bytes(content)


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe", b"JPEGImages\t6\n"], ids=repr)
def test_the_stamp_of_the_files_may_be_damaged(content: bytes | None) -> None:
    path = stamp_file(RESULTS / "base/dataset")
    path.unlink() if content is None else path.write_bytes(content)
    ((name, reasons),) = stale(project()).items()
    assert name == "base/dataset/whole" and {"JPEGImages", "labels.csv"} <= set(reasons)


# Dates


@pytest.mark.parametrize("days", [-400, 1, 400])
def test_dates_of_results_decide_nothing(days: int) -> None:
    date = time.time() + days * 86_400
    for path in Path("results").rglob("*"):
        os.utime(path, (date, date))
    assert stale(project()) == {}
    renew(f"base/cams/{SHARD}", "0.npz")
    assert stale(project()) == RENEWED["maps of a photograph"][2]


def test_dates_in_the_future_are_undone_and_others_stay() -> None:
    now = time.time()
    paths = [path for path in Path("results").rglob("*") if path.suffix in (".json", ".csv")]
    ahead, behind = paths[::2], paths[1::2]
    for chosen, date in ((ahead, now + 86_400), (behind, now - 86_400)):
        for path in chosen:
            os.utime(path, (date, date))
    undo_future(project())
    memos = {path for path in paths if "_memo" in path.parts}
    assert all(path.stat().st_mtime <= time.time() for path in ahead if path not in memos)
    assert all(path.stat().st_mtime == pytest.approx(now - 86_400) for path in behind)
    assert stale(project()) == {}


# What a run does about it


def everything() -> dict[str, tuple[int, int, int]]:
    """Every file and folder here with size, date and inode."""
    stats = {str(path): path.lstat() for path in Path(".").rglob("*")}
    return {name: (s.st_size, s.st_mtime_ns, s.st_ino) for name, s in stats.items()}


def names() -> set[str]:
    return set(map(label, all_receipts()))


def spoil() -> set[str]:
    """Changes of every kind; returns the receipts that are stale after them."""
    renew("base/benet/model", "model.safetensors")
    flip("photographs/labels.csv")
    (RESULTS / "base/quality/ranking.csv").unlink()
    receipt_at("base/tables/whole").write_text("{")
    return {*RENEWED["a network"][2]} | {
        *("base/dataset/whole", "base/quality/whole", "base/tables/whole"),
    }


def test_a_call_that_only_looks_writes_nothing_and_says_all() -> None:
    expected = spoil()
    date = time.time() + 86_400
    os.utime(receipt_at("base/benet/model"), (date, date))
    before = everything()
    found = prepare(project(), Call(looks=True, forced_all=True))
    # What only a target asks for is nothing that `-F` would make.
    assert {label(Path(receipt)) for receipt in found.forced} == expected - {"base/tables/whole"}
    assert found.follows
    assert everything() == before


def test_a_run_removes_the_receipts_that_are_stale_and_no_other() -> None:
    expected, before = spoil(), names()
    assert prepare(project(), Call()) == Prepared()
    assert names() == before - expected
    assert prepare(project(), Call(looks=True)) == Prepared()


def test_a_run_with_nothing_stale_leaves_all_as_it_is() -> None:
    plan = str(RESULTS / "comparisons/both/_plan.json")
    prepare(project(), Call())
    before = everything()
    assert plan in before
    prepare(project(), Call())
    assert everything() == before


HARMED: dict[str, tuple[list[str], bool]] = {
    "nothing": ([], True),
    "one file": (["base/cams/0.npz"], True),
    "two of a stage": (["base/cams/0.npz", "base/cams/1.npz"], True),
    "of two experiments": (["base/pseudo_labels/0.png", "other/pseudo_labels/0.png"], True),
    "of stages that do not read each other": (
        ["base/quality/ranking.csv", "base/evaluation/scores.json"],
        True,
    ),
    "one made from the other": (["base/cams/0.npz", "base/pseudo_labels/0.png"], False),
    "one made from the other by way of a third": (
        ["base/classifier/metrics.csv", "base/evaluation/scores.json"],
        False,
    ),
    "a receipt": (["base/cams/_receipts/000.json"], False),
}


@pytest.mark.parametrize("case", HARMED)
def test_files_that_come_back_as_they_were_have_no_consequence(case: str) -> None:
    """Unless one of them is made from another, or a receipt is missing: then Snakemake follows."""
    files, alone = HARMED[case]
    for file in files:
        (RESULTS / file).unlink()
    before = names()
    found = prepare(project(), Call())
    assert found.follows is not alone
    if alone:
        folders = {f"results/p/{Path(file).parent}" for file in files}
        assert {str(home_of(Path(receipt))) for receipt in found.forced} == folders
        assert names() == before
    else:
        assert not found.forced


@pytest.mark.parametrize(
    "call", [Call(targets=("export",)), Call(forced=("cams",)), Call(forced_all=True)]
)
def test_a_call_that_asks_for_something_follows_all(call: Call) -> None:
    """Snakemake does not look behind a job from which nothing follows."""
    (RESULTS / "base/cams/0.npz").unlink()
    assert prepare(project(), call).follows


def test_a_change_beside_harm_follows() -> None:
    (RESULTS / "base/cams/0.npz").unlink()
    assert prepare(project(pseudo_labels={"crf": False, "threshold": 0.7}), Call()).follows


def test_a_receipt_that_is_gone_already_is_no_trouble() -> None:
    found = {receipt_at("base/cams/000"): ["cams"]}
    void(found)
    void(found)
    assert not any(receipt.exists() for receipt in found)


def remembered() -> set[tuple[str, str]]:
    """(experiment/stage/shard, image) or (experiment/stage, file) that memos know of."""
    return {
        (str(path.relative_to(RESULTS).with_suffix("")).replace("_memo/", ""), entry)
        for path in RESULTS.rglob("_memo/*.jsonl")
        for entry in Memo(path).entries
    }


FORCED: dict[str, tuple[tuple[str, ...], set[str], set[str]]] = {
    "a rule": (
        ("pseudo_labels",),
        {f"{e}/pseudo_labels/{s}" for e in ("base", "other") for s in SHARDS},
        {f"{e}/pseudo_labels/{s}" for e in ("base", "other") for s in SHARDS},
    ),
    "a rule for the whole dataset": (
        ("evaluation", "tables"),
        {"base/evaluation/whole", "other/evaluation/whole", "base/tables/whole"},
        {f"{e}/evaluation/{memo}" for e in ("base", "other") for memo in ("once", "train")}
        | {"base/tables/once"},
    ),
    "a comparison": (("both",), {"comparisons/both/whole"}, {"comparisons/both/once"}),
    "a receipt": (
        ("results/p/base/pseudo_labels/_receipts/001.json",),
        {"base/pseudo_labels/001"},
        {"base/pseudo_labels/001"},
    ),
    "a file of a stage": (
        ("results/p/base/quality/ranking.csv",),
        {"base/quality/whole"},
        {"base/quality/once"},
    ),
    "a word that is neither": (("nothing", "results/elsewhere/x.png"), set(), set()),
}


@pytest.mark.parametrize("case", FORCED)
def test_what_is_forced_is_forgotten(case: str) -> None:
    forced, receipts, memos = FORCED[case]
    before, known = names(), remembered()
    prepare(project(), Call(forced=forced))
    assert names() == before - receipts
    assert remembered() == {entry for entry in known if entry[0] not in memos}


def test_one_forced_image_forgets_no_other() -> None:
    before, known = names(), remembered()
    prepare(project(), Call(forced=("results/p/base/pseudo_labels/0.png",)))
    assert names() == before - {f"base/pseudo_labels/{SHARD}"}
    assert known - remembered() == {(f"base/pseudo_labels/{SHARD}", "0")}


def test_a_forced_dataset_is_read_anew_from_its_files() -> None:
    reduced = cache_folder(RESULTS / "base/dataset") / "a.rgb"
    write_atomic(reduced, b"pixels")
    prepare(project(), Call(forced=("cams",)))
    assert reduced.exists()
    prepare(project(), Call(forced=("dataset",)))
    assert not reduced.exists()
    assert not whole_receipt(RESULTS / "base/dataset").exists()
    assert not facts_file(RESULTS / "base/dataset").exists()


def test_a_forced_training_does_not_go_on_from_a_checkpoint() -> None:
    checkpoint = RESULTS / "base/benet/_memo/checkpoint.pt"
    write_atomic(checkpoint, b"half way")
    prepare(project(), Call(forced=("classifier",)))
    assert checkpoint.exists()
    prepare(project(), Call(forced=("benet",)))
    assert not checkpoint.exists()


def export() -> int:
    """Export again; returns the inode of the folder, which another export replaces."""
    done = project()
    out = done.folder("base", "export") / "torchvision"
    run_export(
        done.experiments["base"].options["export"],
        format="torchvision",
        dataset=done.folder("base", "dataset"),
        pseudo_labels=done.folder("base", "pseudo_labels"),
        out=out,
        threads=1,
    )
    return out.stat().st_ino


def test_a_forced_export_takes_the_place_of_the_one_before() -> None:
    before = export()  # the photographs have moved with the copy of the project
    assert export() == before
    prepare(project(), Call(forced=("export",)))
    assert "base/export/torchvision/export" not in names()
    assert export() != before
    assert stale(project()) == {}


def test_all_that_a_target_comes_from_is_forced() -> None:
    before = names()
    prepare(project(), Call(forced_all=True, targets=("results/p/base/benet/model.json",)))
    gone = {"base/dataset/whole", "base/classifier/model", "base/benet/model"}
    gone |= {f"base/{stage}/{s}" for stage in ("cams", "boundary_labels") for s in SHARDS}
    assert names() == before - gone


def test_without_a_target_all_is_forced() -> None:
    prepare(project(), Call(forced_all=True))
    assert names() == set()
    assert remembered() == set()


def test_all_output_is_deleted_even_where_a_receipt_is_damaged() -> None:
    for name in (f"base/cams/{SHARD}", "base/export/torchvision/export", "base/evaluation/whole"):
        receipt_at(name).write_text("{")
    prepare(project(), Call(deletes=True))
    assert names() == set()
    assert not list((RESULTS / "base/boundary_maps").glob("*.png"))
    assert not (RESULTS / "base/benet/model.safetensors").exists()


def test_a_switch_of_snakemake_is_read_as_it_is_meant() -> None:
    assert read_call([], {}) == Call()
    for switch in ("-n", "--dry-run", "--summary", "--dag", "--lint", "--unlock", "--touch"):
        assert read_call([switch], {}).looks, switch
    assert read_call(["--cores", "2", "x.png"], {}) == Call(targets=("x.png",))
    assert read_call(["-R", "cams"], {}) == Call(forced=("cams",))
    assert set(read_call(["-R", "cams", "benet"], {}).forced) == {"cams", "benet"}
    assert read_call(["x.png", "-f"], {}) == Call(forced=("x.png",), targets=("x.png",))
    assert read_call(["report", "-F"], {}) == Call(forced_all=True, targets=("report",))
    assert read_call(["--delete-all-output"], {}).deletes
    assert read_call(["--no-such-switch"], {}) == Call()
