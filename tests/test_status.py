"""`bes status` and `bes why` say what the next run would do, no more and no less."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from finished import CONFIG, RESULTS, SHARDS, project, receipt_at

from bes.cli import main
from bes.project.staleness import staleness
from bes.project.status import StageStatus, status
from bes.project.upkeep import verify
from bes.storage.layout import memo_file, whole_memo
from bes.storage.receipts import read_inputs, read_receipt, write_receipt

pytestmark = pytest.mark.usefixtures("finished")


def rows(**changes: Any) -> dict[str, StageStatus]:
    return {stage.stage: stage for stage in status(project(**changes), "base")}


def table(capsys: pytest.CaptureFixture[str], **changes: Any) -> list[str]:
    Path("c.yaml").write_text(yaml.safe_dump(CONFIG | changes))
    assert main(["status", "--configfile", "c.yaml"]) == 0
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_all_is_done_after_a_run() -> None:
    found = rows()
    assert {"dataset", "classifier", "cams", "pseudo_labels", "evaluation", "report"} <= {*found}
    assert all(
        (stage.done, stage.reasons, stage.waits) == (stage.total, {}, "")
        for stage in found.values()
    )


def test_a_memo_that_is_gone_starts_no_job_and_is_not_told_of() -> None:
    folder = RESULTS / "base/pseudo_labels"
    for shard in SHARDS:
        memo_file(folder, shard).unlink()
    whole_memo(RESULTS / "base/evaluation").unlink()
    assert staleness(project()).reasons() == {}
    found = rows()
    assert found["pseudo_labels"].reasons == found["evaluation"].reasons == {}


def test_without_a_memo_all_files_of_a_receipt_that_does_not_hold_are_stale_and_there() -> None:
    memo_file(RESULTS / "base/pseudo_labels", "000").unlink()
    found = rows(pseudo_labels={"crf": False, "threshold": 0.3})["pseudo_labels"]
    assert found.done == 0 and found.missing == 0
    assert {*map(tuple, found.reasons.values())} == {("memo",), ("options",)}


def test_a_file_that_is_gone_is_missing_with_a_memo_and_without() -> None:
    (RESULTS / "base/pseudo_labels/0.png").unlink()
    for shard in SHARDS:
        assert rows()["pseudo_labels"].missing == 1
        memo_file(RESULTS / "base/pseudo_labels", shard).unlink()
    assert rows()["pseudo_labels"].reasons["0"] == ["missing"]


def test_a_page_of_which_nothing_is_known_is_not_damaged() -> None:
    receipt = receipt_at("base/report/whole")
    page = RESULTS / "base/report/page/index.html"
    # As a page with a date in it is vouched for.
    write_receipt(receipt, {**read_receipt(receipt), "page/index.html": ""}, read_inputs(receipt))
    assert verify(project()) == []
    page.unlink()
    assert verify(project()) == [f"{page}: missing"]


def test_a_folder_in_the_place_of_a_file_is_no_such_file() -> None:
    path = RESULTS / "base/pseudo_labels/0.png"
    path.unlink()
    path.mkdir()
    assert rows()["pseudo_labels"].reasons == {"0": ["missing"]}
    assert verify(project()) == [f"{path}: missing"]


def test_what_was_asked_for_by_name_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    said = table(capsys)
    base, other = said.index("base"), said.index("other")
    for line in ("export 1 0 0", "tables 1 0 0"):
        assert line in said[base:other] and line not in said[other:]
    assert said[-3:] == ["comparisons", "comparison done stale missing why stale", "both 1 0 0"]


def test_a_comparison_is_stale_or_missing(capsys: pytest.CaptureFixture[str]) -> None:
    turned = {"both": {"experiments": ["other", "base"]}, "new": {"experiments": ["base"]}}
    assert table(capsys, comparisons=turned)[-2:] == ["both 0 1 0 comparison (1)", "new 0 0 1"]
