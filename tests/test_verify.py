"""`bes verify` reads every result and every file of the user's, and what it finds is made anew."""

from pathlib import Path

import pytest
import yaml
from finished import CONFIG, RESULTS, all_receipts, flip, label, project, receipt_at

from bes.cli import main
from bes.errors import BesError
from bes.project.settings import check_weights
from bes.project.upkeep import verify
from bes.stages.dataset import facts_file
from bes.storage.layout import whole_receipt
from bes.storage.receipts import home_of, read_receipt

pytestmark = pytest.mark.usefixtures("finished")
DATASET = RESULTS / "base/dataset"


def names() -> set[str]:
    return set(map(label, all_receipts()))


def test_nothing_is_wrong_after_a_run() -> None:
    before = names()
    assert verify(project()) == []
    assert names() == before


def test_a_damaged_file_of_every_result_is_found() -> None:
    every, expected = names(), []
    for name in every:
        receipt = receipt_at(name)
        # Exports have links to the photographs, which are the user's.
        file = next(
            path
            for path in (home_of(receipt) / file for file in sorted(read_receipt(receipt)))
            if not path.is_symlink() and path.stat().st_size
        )
        flip(file)
        expected.append(f"{file}: damaged")
    assert sorted(verify(project())) == sorted(expected)
    assert names() == set()


@pytest.mark.parametrize(
    "file",
    [
        *("images.csv", "classes.json", "shards/000.csv", "held_out/001.csv"),
        *("../evaluation/scores.json", "../report/page/index.html", "../tables/methods.tex"),
        *("../export/torchvision/VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt",),
        "../../comparisons/both/table.csv",
    ],
)
def test_a_missing_file_is_found_and_its_receipt_alone_is_void(file: str) -> None:
    before = names()
    path = DATASET / file
    path.resolve().unlink()
    (line,) = verify(project())
    assert line.endswith(f"{path.name}: missing")
    (gone,) = before - names()
    assert gone.split("/")[-2] in path.resolve().parts
    assert verify(project()) == []


def test_a_damaged_receipt_is_found() -> None:
    before = names()
    receipt = receipt_at("base/tables/whole")
    receipt.write_text("{")
    assert verify(project()) == [f"{receipt}: damaged"]
    assert names() == before - {"base/tables/whole"}


@pytest.mark.parametrize("name", ["JPEGImages/0.jpg", "SegmentationClass/4.png"])
def test_a_photograph_or_mask_that_changed_is_found_and_will_be_read_anew(name: str) -> None:
    path = Path("photographs", name)
    flip(path)
    assert verify(project()) == [f"{path}: changed since the dataset was read"]
    assert not whole_receipt(DATASET).exists() and not facts_file(DATASET).exists()
    path.unlink()
    assert verify(project()) == [f"{path}: missing"]


def test_a_changed_photograph_hides_no_damage_of_the_manifest() -> None:
    flip("photographs/JPEGImages/0.jpg")
    flip(DATASET / "shards/000.csv")
    assert verify(project()) == [
        "photographs/JPEGImages/0.jpg: changed since the dataset was read",
        f"{DATASET}/shards/000.csv: damaged",
    ]


@pytest.mark.parametrize("harm", [False, True])
def test_the_command_ends_with_1_where_something_is_wrong(
    harm: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("c.yaml").write_text(yaml.safe_dump(CONFIG))
    if harm:
        flip(RESULTS / "base/tables/methods.csv")
        with pytest.raises(SystemExit) as ended:
            main(["verify", "--configfile", "c.yaml"])
        assert ended.value.code == 1
        assert f"{RESULTS}/base/tables/methods.csv: damaged\n1 damaged" in capsys.readouterr().out
    else:
        assert main(["verify", "--configfile", "c.yaml"]) == 0
        assert capsys.readouterr().out.startswith("0 damaged, missing or changed files")


def test_scores_are_found_by_the_configuration_or_by_their_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("c.yaml").write_text(yaml.safe_dump(CONFIG))
    said = []
    for words in (
        [f"{RESULTS}/other/evaluation"],
        ["--configfile", "c.yaml", "--experiment", "other"],
    ):
        assert main(["scores", *words]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] and said[0].startswith("mIoU (%) on 4 training photographs")


@pytest.mark.parametrize("name", ["0", "0.jpg", "photographs/JPEGImages/0.jpg"])
def test_an_image_is_named_with_or_without_folder_and_ending(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("c.yaml").write_text(yaml.safe_dump(CONFIG))
    (RESULTS / "base/pseudo_labels/0.png").unlink()
    assert main(["why", name, "--configfile", "c.yaml"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "pseudo_labels     would be computed: missing" in said
    assert "evaluation        up to date" in said
    assert main(["why", "nobody.jpg", "--configfile", "c.yaml"]) == 2
    assert "nobody.jpg: found no such image in" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["status", "verify", "clean", "why 0", "review --no-browser"])
def test_without_a_configuration_it_is_asked_for(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command.split()) == 2
    said = capsys.readouterr().err
    assert "bes: results/demo/base: found no such folder; without --configfile" in said


@pytest.mark.parametrize("command", [["status"], ["why", "0"]])
def test_initial_weights_that_are_gone_are_named_as_a_run_names_them(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("c.yaml").write_text(yaml.safe_dump(CONFIG))
    assert main([*command, "--configfile", "c.yaml"]) == 0
    Path("weights.pth").unlink()
    assert main([*command, "--configfile", "c.yaml"]) == 2
    with pytest.raises(BesError) as stopped:
        check_weights(project())
    assert f"bes: {stopped.value}" in capsys.readouterr().err
