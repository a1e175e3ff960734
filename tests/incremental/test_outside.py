"""Files from outside: found by name, known by their bytes, read again where they may differ."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bes.data.manifest import ImageRecord, read_catalog, read_manifest
from bes.errors import BesError
from bes.incremental import outside
from bes.incremental.inputs import Reader, inputs_of
from bes.incremental.outside import (
    FILES,
    changed_files,
    check_contents,
    check_files,
    check_source,
    notes_file,
    outside_files,
)
from bes.incremental.per_image import run_per_image
from bes.incremental.stage import PerImageStage, Sources
from bes.project.settings import load_project
from bes.project.upkeep import verify
from bes.storage.layout import receipt_file
from bes.storage.receipts import read_inputs, write_receipt
from bes.storage.vouched import read_vouched


@dataclass(frozen=True)
class Options:
    folder: str | None = "files"
    source: str = "files"
    partial: bool = False
    strength: int = 1


def prepare(options: Options, sources: Sources) -> Callable[[ImageRecord], bytes]:
    """The file as it is; one of `bad` is refused."""

    def compute(record: ImageRecord) -> bytes:
        content = sources.outside[record.id].read_bytes() if record.id in sources.outside else b"-"
        if content == b"bad":
            raise BesError(f"{sources.outside[record.id]}: found bad, expected good")
        return content

    return compute


STAGE = PerImageStage(
    name="foreground", options=Options, prepare=prepare, files=(".png", ".npy"), suffix=".png"
)


@pytest.fixture
def records(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> list[ImageRecord]:
    """The photographs, each with a file in the folder `files`."""
    monkeypatch.chdir(dataset.parent)
    found = read_manifest(dataset / "images.csv")
    Path("files").mkdir()
    for record in found:
        Path("files", f"{record.id}.png").write_bytes(record.id.encode())
    return found


def run(dataset: Path, **options: object) -> dict[str, int]:
    """Shard -> how many files of it were computed."""
    before = {path: path.stat().st_ino for path in Path("out").glob("*.png")}
    run_per_image(
        STAGE,
        options=replace(Options(), **options),
        dataset=dataset,
        folders={},
        out=Path("out"),
        shards=["000", "001", "002"],
        threads=1,
        device="cpu",
        code="0",
    )
    return {p.stem: 1 for p in Path("out").glob("*.png") if p.stat().st_ino != before.get(p)}


def test_a_file_that_is_swapped_is_one_photograph_and_its_folder_is_nothing(
    dataset: Path, records: list[ImageRecord]
) -> None:
    assert len(run(dataset)) == len(records)
    Path("files/photo_03.png").write_bytes(b"another")
    assert run(dataset) == {"photo_03": 1}
    Path("files").rename("moved")
    assert run(dataset, folder="moved") == {}
    Path("moved/photo_04.png").rename("moved/photo_04.NPY")
    assert run(dataset, folder="moved") == {}
    assert len(run(dataset, folder="moved", strength=2)) == len(records)


def test_a_file_that_is_swapped_while_a_job_runs_is_not_taken_for_the_one_before(
    dataset: Path, records: list[ImageRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    def prepare(options: Options, sources: Sources) -> Callable[[ImageRecord], bytes]:
        with open("files/photo_03.png", "ab") as file:
            file.write(b"more")
        return lambda record: read_vouched(sources.outside[record.id])

    monkeypatch.setitem(globals(), "STAGE", replace(STAGE, prepare=prepare))
    with pytest.raises(BesError, match=r"photo_03\.png: found other bytes than when"):
        run(dataset)


def test_files_are_read_once_until_their_dates_change(
    dataset: Path, records: list[ImageRecord], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []
    digest = outside.digest_file
    monkeypatch.setattr(outside, "digest_file", lambda path: read.append(path) or digest(path))
    notes = Path("notes.json")

    def look() -> dict[str, str]:
        outside._digest.cache_clear()
        found = outside_files(STAGE, Options(), records, notes, keep=True)
        return {image: file.digest for image, file in found.items()}

    first = look()
    assert len(read) == len(first) == len(records)
    assert look() == first and len(read) == len(records)
    os.utime("files/photo_02.png", (1, 1))
    assert look() == first and read[len(records) :] == [Path("files/photo_02.png")]
    notes.write_text("damaged")
    assert look() == first and len(read) == 2 * len(records) + 1


def test_the_receipt_says_what_was_read_and_that_it_is_more_than_labels(
    dataset: Path, records: list[ImageRecord]
) -> None:
    run(dataset)
    kept = read_inputs(receipt_file(Path("out"), "001"))
    given = {"options": Options(), "dataset": dataset, "folders": {}, "out": Path("out")}

    def now() -> dict[str, str]:
        return inputs_of(STAGE, **given, code="0", shard="001", reader=Reader())

    assert now() == kept and kept["supervision"] == FILES
    image = read_manifest(dataset / "shards/001.csv")[0].id
    path = Path("files", f"{image}.png")
    path.write_bytes(b"another")
    assert {name for name in kept if kept[name] != now()[name]} == {FILES}
    assert changed_files(notes_file(Path("out"), "001"), Path("files")) == [path]
    # One that is gone is a change too, not an input that is not there yet.
    path.unlink()
    assert kept[FILES] != now()[FILES]


def test_what_is_missing_is_counted_and_the_first_are_named(
    dataset: Path, records: list[ImageRecord]
) -> None:
    for number in range(5):
        Path(f"files/photo_{number:02d}.png").unlink()
    words = (
        r"foreground\.folder: files: found no file of 5 of 12 photographs \(photo_00, photo_01, "
        r"photo_02, \.\.\.\), expected <image>\.png or <image>\.npy of each; with `partial: true`"
    )
    with pytest.raises(BesError, match=words):
        run(dataset)
    with pytest.raises(BesError, match=words):
        check_files(STAGE, Options(), records)
    assert len(run(dataset, partial=True)) == len(records)
    assert Path("out/photo_00.png").read_bytes() == b"-"
    with pytest.raises(BesError, match=r"found no file of 5 of 5 photographs"):
        check_files(STAGE, Options(partial=True), records[:5])
    with pytest.raises(BesError, match=r"foreground\.folder: none: found no such folder, expected"):
        check_files(STAGE, Options(folder="none"), ())


def test_two_files_of_a_photograph_are_one_too_many(
    dataset: Path, records: list[ImageRecord]
) -> None:
    Path("files/photo_07.npy").write_bytes(b"")
    with pytest.raises(BesError, match=r"photo_07\.png: found photo_07\.npy beside it, expected"):
        run(dataset)


def test_a_file_is_of_the_photograph_that_it_looks_to_be_of(
    dataset: Path, records: list[ImageRecord]
) -> None:
    """The accent of one is a letter of its own, the other has two spaces and a mixed ending."""
    named = [replace(records[0], id="caf\u00e9"), replace(records[1], id="my cat")]
    for name in ("cafe\u0301.png", "my  cat.Png"):
        Path("files", name).write_bytes(name.encode())
    found = outside_files(STAGE, Options(), named, Path("notes.json"))
    assert {image: file.path.name for image, file in found.items()} == {
        "caf\u00e9": "cafe\u0301.png",
        "my cat": "my  cat.Png",
    }
    Path("files/cafe\u0301.npy").write_bytes(b"")
    with pytest.raises(BesError, match=r"found cafe.*beside it, expected one file of caf"):
        outside_files(STAGE, Options(), named, Path("notes.json"))


def test_a_check_reads_all_and_lists_every_fault(
    dataset: Path, records: list[ImageRecord], capsys: pytest.CaptureFixture[str]
) -> None:
    catalog = read_catalog(dataset / "classes.json")
    check_contents(STAGE, Options(), catalog, records, threads=1)
    assert capsys.readouterr().out == "foreground: 12 files for 12 photographs in files\n"
    held_out = replace(records[0], id="held out", split="val")  # no stage reads a file of it
    check_contents(STAGE, Options(), catalog, [*records, held_out], threads=1)
    assert capsys.readouterr().out == "foreground: 12 files for 12 photographs in files\n"
    for image in ("photo_02", "photo_09"):
        Path("files", f"{image}.png").write_bytes(b"bad")
    with pytest.raises(BesError) as error:
        check_contents(STAGE, Options(), catalog, records, threads=1)
    assert str(error.value).splitlines() == [
        "2 problems in the files of foreground:",
        "files/photo_02.png: found bad, expected good",
        "files/photo_09.png: found bad, expected good",
    ]


@pytest.mark.parametrize("stage", ["cams", "boundary_maps", "foreground", "regions"])
def test_a_folder_is_named_where_files_are_read_and_only_there(stage: str) -> None:
    with pytest.raises(BesError, match=rf"^{stage}\.folder: found none, expected the folder of"):
        load_project({stage: {"source": "files"}})
    with pytest.raises(BesError, match=rf"^{stage}\.folder of e: found x, expected {stage}\.sou"):
        load_project({"experiments": {"e": {stage: {"folder": "x"}}}})
    project = load_project({stage: {"source": "files", "folder": "x"}})
    assert stage in {name for name, _ in project.computed()}
    check_source(STAGE, Options())


def test_networks_that_nothing_needs_are_not_trained() -> None:
    cams = {"cams": {"source": "files", "folder": "x"}}
    boundaries = {"boundary_maps": {"source": "files", "folder": "y"}}

    def trained(config: dict) -> set[str]:
        computed = {stage for stage, _ in load_project(config).computed()}
        return computed & {"classifier", "benet", "irnet", "boundary_labels"}

    assert trained({}) == {"classifier", "benet", "boundary_labels"}
    assert trained(cams) == {"benet", "boundary_labels"}
    assert trained(cams | {"benet": {"weights": "classifier"}}) == trained({})
    assert trained(boundaries) == {"classifier"}
    assert trained(cams | boundaries) == set()


def test_an_experiment_with_a_prior_shares_all_above_its_pseudo_labels() -> None:
    prior = {"foreground": {"source": "files", "folder": "x"}}
    project = load_project({"experiments": {"prior": prior}})
    own = {stage for stage, folder in project.computed() if folder.parent.name == "prior"}
    assert own == {"foreground", "pseudo_labels", "evaluation", "quality", "report"}
    assert "foreground" not in project.read_by("pseudo_labels", "base")
    assert "foreground" in project.read_by("pseudo_labels", "prior")
    # And the other way round: without what the base has.
    without = {"experiments": {"without": {"foreground": {"source": "none", "folder": None}}}}
    project = load_project(prior | without)
    own = {stage for stage, folder in project.computed() if folder.parent.name == "without"}
    assert own == {"pseudo_labels", "evaluation", "quality", "report"}


def test_verify_reads_the_files_again(records: list[ImageRecord]) -> None:
    project = load_project({"shards": 3, "foreground": {"source": "files", "folder": "files"}})
    folder = project.folder("base", "foreground")
    for shard in project.shards:
        inside = read_manifest(Path("dataset/shards") / f"{shard}.csv")
        outside_files(STAGE, Options(), inside, notes_file(folder, shard), keep=True)
        write_receipt(receipt_file(folder, shard), {})
    assert verify(project) == []
    Path("files/photo_06.png").write_bytes(b"another")
    assert verify(project) == ["files/photo_06.png: missing, or changed since it was read"]
    (shard,) = (s for s in project.shards if not receipt_file(folder, s).exists())
    assert not notes_file(folder, shard).exists()
    assert verify(project) == []
