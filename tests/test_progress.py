"""How far a run is, by the files that its jobs write, and how it is said."""

import contextlib
import io
import json
import logging
import os
import re
import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from finished import CONFIG, RESULTS, SHARDS, all_receipts, project, read_dataset

from bes.cli import main
from bes.data.manifest import read_manifest
from bes.data.ranking import read_ranking
from bes.incremental.inputs import receipts_of
from bes.incremental.journal import Run, journal_file
from bes.project import console
from bes.project import progress as looks
from bes.project.console import Display
from bes.project.outcome import outcome, words_of
from bes.project.prepare import Call, prepare
from bes.project.progress import StageProgress, StartedRun, left_of_all, read_progress
from bes.project.reviewed import not_there
from bes.project.run_console import RunConsole, wanted
from bes.stages.shared.dataset_kinds import DatasetOptions
from bes.storage import progress as said
from bes.storage.files import write_atomic
from bes.storage.layout import model_receipt, receipt_file

pytestmark = pytest.mark.usefixtures("finished")
BASE = RESULTS / "base"
LOOK = Call(looks=True)


def at(stage: str, **more: Any) -> StageProgress:
    (found,) = (p for p in read_progress(project(), **more) if p.folder == BASE / stage)
    return found


def log(stage: str, part: str, *lines: str) -> None:
    path = BASE / stage / "_logs" / f"{part}.log"
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def test_a_finished_run_is_done() -> None:
    progress = read_progress(project())
    assert {each.state for each in progress} == {"done"}
    assert {each.folder for each in progress} >= {BASE / "dataset", RESULTS / "other/pseudo_labels"}
    assert left_of_all(progress) == (0, True)


def test_what_an_earlier_run_made_is_yet_to_be_done() -> None:
    progress = read_progress(project(), since=time.time() + 60, stages={"cams", "benet"})
    assert {each.stage: each.state for each in progress} == {"cams": "waiting", "benet": "waiting"}


def test_photographs_are_counted_over_shards() -> None:
    shards = {name: len(read_manifest(BASE / f"dataset/shards/{name}.csv")) for name in SHARDS}
    receipt_file(BASE / "cams", SHARDS[0]).unlink()
    assert at("cams").done == shards[SHARDS[1]]
    count = shards[SHARDS[0]]
    first = f"cams {SHARDS[0]}: {count} of {count} to do"
    log("cams", SHARDS[0], first, f"cams {SHARDS[0]}: 1/{count}, 1e-09 images/s, 1:40 left")
    found = at("cams")
    assert (found.state, found.total) == ("running", sum(shards.values()))
    assert found.done == pytest.approx(shards[SHARDS[1]] + min(1, count - 1))
    # A photograph that was not to be done is done.
    log("cams", SHARDS[0], f"cams {SHARDS[0]}: 0 of {count} to do")
    assert at("cams").done == sum(shards.values())


def test_a_training_says_how_long_it_takes_and_all_others_follow_from_that() -> None:
    for stage in ("classifier", "benet"):
        model_receipt(BASE / stage).unlink()
    for shard in SHARDS:
        receipt_file(BASE / "cams", shard).unlink()
    log("classifier", "classifier", "classifier: 30/120, 2 iterations/s, 1:00:45 left, loss 0.5")
    found = at("classifier")
    assert (found.state, found.done, found.total, found.note) == ("running", 30, 120, "loss 0.5")
    assert found.left == pytest.approx(3645, abs=20)
    whole, known = left_of_all(read_progress(project()))
    assert known and whole > found.left
    # What is left of a line that is old is less.
    old = time.time() - 1000
    os.utime(BASE / "classifier/_logs/classifier.log", (old, old))
    assert at("classifier").left == pytest.approx(2645, abs=20)


@pytest.mark.parametrize(
    ("stage", "line", "said"),
    [
        ("benet", "boundary labels: 4/4, 2 images/s, 0:00 left", "boundary labels 4 of 4"),
        ("report", "report, scores: 4/4, 2 images/s, 0:00 left", "scores 4 of 4"),
    ],
)
def test_a_part_of_a_stage_is_not_the_stage(stage: str, line: str, said: str) -> None:
    for path in receipts_of(stage, BASE / stage, SHARDS):
        path.unlink()
    log(stage, stage, line)
    found = at(stage)
    assert (found.state, found.total, found.note) == ("running", 0, said)


def test_how_long_the_table_took_says_nothing_of_networks() -> None:
    for receipt in all_receipts():
        if "dataset" not in receipt.parts:
            receipt.unlink()
    assert at("dataset").state == "done"
    assert (at("classifier").state, at("classifier").left) == ("waiting", None)


def test_the_dataset_is_read_once_for_all_looks_and_again_where_it_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reads = []
    monkeypatch.setattr(
        looks, "read_manifest", lambda path: reads.append(path) or read_manifest(path)
    )
    classes = BASE / "dataset/classes.json"
    content = classes.read_bytes()
    classes.unlink()
    read_progress(project())
    write_atomic(classes, content)
    for _ in range(2):
        read_progress(project())
    assert reads == [BASE / "dataset/images.csv"]


def test_the_average_precision_is_said_once_it_is_known() -> None:
    receipt = model_receipt(BASE / "classifier")
    content = json.loads(receipt.read_text())
    content["measured"] = {"split": "val", "mean_average_precision": 0.912}
    receipt.write_text(json.dumps(content))
    assert at("classifier").note == "nothing to do, average precision 0.91 on val"


def test_what_a_stage_computed_is_said_once_it_is_done() -> None:
    assert at("cams").note == "nothing to do"
    for shard, images in zip(SHARDS, (2, 1), strict=True):
        run = Run(
            origin="one",
            options={},
            defaults={},
            code="",
            versions={},
            device="cpu",
            threads=1,
            finished="2026-01-02T03:04:05+00:00",
            images=images,
            seconds=1.0,
            cpu_seconds=1.0,
            memory=1,
        )
        write_atomic(journal_file(BASE / "cams", shard), json.dumps(asdict(run)).encode() + b"\n")
    assert at("cams").note == "3 photographs"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe: 1/2", b"classifier: 1/0, x\n", b"a" * 9000])
def test_a_log_that_says_nothing_is_no_reason_to_end(content: bytes) -> None:
    model_receipt(BASE / "classifier").unlink()
    log("classifier", "classifier")
    (BASE / "classifier/_logs/classifier.log").write_bytes(content)
    assert at("classifier").state == "running"


def test_in_a_pipe_each_stage_has_a_line_at_its_start_and_end_and_a_heartbeat(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    receipt = model_receipt(BASE / "classifier")
    content = receipt.read_bytes()
    receipt.unlink()
    display = Display(project(), StartedRun(0.0, ("classifier",)))

    def said() -> list[str]:
        display.show(display.progress())
        return capsys.readouterr().err.splitlines()

    assert said() == ["0:00 so far, 1 stage to do"]
    assert said() == []
    log("classifier", "classifier", "classifier: 30/120, 2 iterations/s, 0:45 left, loss 0.5")
    assert said() == ["base: classifier: started, loss 0.5"]
    monkeypatch.setattr(console, "HEARTBEAT", 0.0)
    (line,) = said()
    count, rest = line.split("; ")
    assert re.fullmatch(r"base: classifier: 30 of 120 iterations, 0:\d+ left, loss 0.5", count)
    assert re.fullmatch(r"0:\d+ left of the whole run", rest)
    receipt.write_bytes(content)
    assert said() == ["base: classifier: done in 0:00, nothing to do"]


def test_lines_follow_in_less_than_ten_seconds() -> None:
    assert console.HEARTBEAT + console.EVERY <= 10.0


def test_what_takes_long_is_said_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(said, "HEARTBEAT", 0.15)
    with said.heartbeat("reading"):
        time.sleep(0.6)
        said.Progress("predict", 40, unit="images").step()
        time.sleep(0.6)
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "bes: reading ..."
    assert lines.index("predict: 1/40") >= 1
    assert {re.sub(r"0:0\d", "0:00", line) for line in lines} == {
        "bes: reading ... (so far 0:00)",
        "predict: 1/40",
        "predict: 1/40 (so far 0:00)",
    }


def test_it_is_said_again_while_something_else_is_kept_quiet(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(said, "HEARTBEAT", 0.15)
    with said.heartbeat("trying"), contextlib.redirect_stderr(io.StringIO()):
        said.Progress("classifier", 40, unit="iterations").step()
        time.sleep(0.6)
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "bes: trying ..."
    assert {re.sub(r"0:0\d", "0:00", line) for line in lines} == {"bes: trying ... (so far 0:00)"}


def test_the_start_does_not_count_in_how_long_the_rest_takes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(said, "time", SimpleNamespace(monotonic=lambda: now))
    progress = said.Progress("cams 1", 40, unit="images")
    now = 60.0
    progress.step("loss 1")
    for _ in range(10):
        now += 1
        progress.step()
    assert capsys.readouterr().err.splitlines() == [
        "cams 1: 1/40, loss 1",
        "cams 1: 6/40, 1 images/s, 0:34 left",
        "cams 1: 11/40, 1 images/s, 0:29 left",
    ]
    log("classifier", "classifier", "classifier: 1/120, loss 0.5")
    model_receipt(BASE / "classifier").unlink()
    found = at("classifier")
    assert (found.done, found.total, found.note, found.rate) == (1, 120, "loss 0.5", 0)
    assert console.count_of(found) == "1 of 120"


def test_a_job_that_has_said_nothing_yet_has_less_and_less_left() -> None:
    model_receipt(BASE / "classifier").unlink()
    receipt_file(BASE / "cams", SHARDS[0]).unlink()
    shards = {name: len(read_manifest(BASE / f"dataset/shards/{name}.csv")) for name in SHARDS}
    count = shards[SHARDS[0]]
    todo = f"cams {SHARDS[0]}: {count} of {count} to do"
    log("cams", SHARDS[0], todo, f"cams {SHARDS[0]}: 1/{count}, 0.001 images/s, 1:40 left")
    log("classifier", "classifier", "")
    waiting = at("classifier").left
    assert waiting
    log_file = BASE / "classifier/_logs/classifier.log"
    began = time.time() - waiting / 2
    os.utime(log_file, (began, began))
    assert at("classifier").left == pytest.approx(waiting / 2, rel=0.2)
    os.utime(log_file, (began - waiting, began - waiting))
    assert at("classifier").left is None


def test_the_table_of_a_terminal_has_a_line_for_each_stage() -> None:
    from rich.console import Console

    receipt_file(BASE / "cams", SHARDS[0]).unlink()
    display = Display(project(), StartedRun(0.0, ("classifier", "cams")))
    shown = Console(width=120, record=True, file=io.StringIO())
    shown.print(display._table(display.progress()))
    lines = shown.export_text().splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [["base:", "classifier"], ["base:", "cams"]]
    assert "so far" in lines[-1]


def test_at_the_end_it_says_where_the_masks_are_and_what_to_do() -> None:
    assert words_of(["all", "--cores", "2", "--configfile", "a.yaml", "--config", "x=1", "-k"]) == [
        *("--configfile", "a.yaml", "--config", "x=1")
    ]
    lines = outcome(project(), ["--configfile", "my file.yaml"])
    masks = len(list((BASE / "pseudo_labels").glob("*.png")))
    assert f"{masks} masks: {BASE}/pseudo_labels" in lines
    assert "    bes review --configfile 'my file.yaml'" in lines
    (BASE / "quality/ranking.csv").unlink()
    assert outcome(project(), []) == []


def test_a_network_is_named_with_the_command_that_labels_another_folder() -> None:
    predicting = project(goal="predictions")
    line = f"    bes predict FOLDER --out OUT --network {BASE}/segmenter"
    assert line not in outcome(predicting, [])
    write_atomic(model_receipt(BASE / "segmenter"), b"{}")
    assert line in outcome(predicting, [])
    # One that an earlier goal left learnt other labels.
    assert line not in outcome(project(), [])


def test_exports_say_where_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    (BASE / "export/imagefolder").mkdir()
    for name in ("export.json", "skipped.txt"):
        (BASE / "export/imagefolder" / name).write_text("{}")
    where = f"1 export in {BASE}/export: torchvision"
    for targets, lines in ((["export"], [where]), (["cams"], [])):
        logger = logging.Logger("snakemake")
        handler = logging.StreamHandler(io.StringIO())
        handler.name = "DefaultStreamHandler"
        logger.addHandler(handler)
        RunConsole(logger, project(), [], shown=True, targets=targets)
        logger.info("Nothing to be done (all requested files are present and up to date).")
        assert capsys.readouterr().err.splitlines() == lines


REJECTED = "image,verdict\n1,rejected\n"


@pytest.mark.parametrize(
    ("options", "table", "said"),
    [
        (
            {},
            REJECTED,
            ["WARNING: not used, as the configuration does not name it: the review in "],
        ),
        ({}, "image,labels\n1,cat\n", []),
        ({"review": "review.csv"}, REJECTED, []),
        (
            {"review": "review.csv", "corrections": "corrections"},
            REJECTED,
            ["no review yet: dataset.corrections: nothing at "],
        ),
    ],
)
def test_a_run_says_whether_it_takes_the_review(
    options: dict[str, str], table: str, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("photographs/review.csv").write_text(table)
    configured = project(dataset={"root": "photographs", **options})
    prepare(configured, LOOK)
    lines = [x for x in capsys.readouterr().err.splitlines() if "out of date" not in x]
    assert len(lines) == len(said)
    assert all(
        line.startswith(f"bes: {s}photographs/") for line, s in zip(lines, said, strict=True)
    )
    for targets in (["export"], []):
        logger = logging.Logger("snakemake")
        handler = logging.StreamHandler(io.StringIO())
        handler.name = "DefaultStreamHandler"
        logger.addHandler(handler)
        RunConsole(logger, configured, [], shown=True, targets=targets)
        logger.info("Nothing to be done (all requested files are present and up to date).")
        warned = [x for x in capsys.readouterr().err.splitlines() if x.startswith("WARNING: not")]
        assert warned == [s.removeprefix("bes: ") for s in lines if "WARNING" in s]


def test_of_a_folder_that_was_moved_that_alone_is_said() -> None:
    options = DatasetOptions(root="photographs", review="review.csv", corrections="corrections")
    assert len(not_there(options)) == 1
    assert not_there(replace(options, root="moved")) == []


def test_what_is_looked_at_anew_has_a_line_for_each_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    milder = {"other": {"pseudo_labels": {"threshold": 0.3}}}
    prepare(project(pseudo_labels={"crf": False, "threshold": 0.6}, experiments=milder), LOOK)
    (line,) = (x for x in capsys.readouterr().err.splitlines() if "out of date" in x)
    _, _, places = line.partition(": perhaps out of date (options): ")
    assert set(places.split(", ")) >= {"pseudo_labels", "quality", "other/pseudo_labels"}


def test_photographs_that_are_left_out_are_said(finished: Path) -> None:
    shutil.copy("photographs/JPEGImages/1.jpg", "photographs/JPEGImages/new.jpg")
    read_dataset()
    assert at("dataset").note == "1 photograph left out"
    lines = outcome(project(), ["--configfile", "my file.yaml"])
    said = lines.index("1 photograph left out; this says why:")
    assert lines[said + 1] == "    bes dataset check --configfile 'my file.yaml'"


def test_what_a_person_dealt_with_is_looked_at_first_no_more() -> None:
    def first() -> list[str]:
        return [line for line in outcome(project(), []) if line.startswith("look first")]

    ranked = [row.image for row in read_ranking(BASE / "quality/ranking.csv")]
    assert first() == [f"look first at the 1 least trusted, by {BASE}/quality/ranking.csv:"]
    Path("photographs/review.csv").write_text(f"image,verdict\n{ranked[0]},accepted\n")
    assert f"of the {len(ranked) - 1} that nobody has dealt with yet" in first()[0]
    rows = "".join(f"{image},corrected\n" for image in ranked)
    Path("photographs/review.csv").write_text(f"image,verdict\n{rows}")
    assert first() == []


def test_snakemake_says_no_more_of_jobs_but_all_of_errors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Logger(logging.Logger):
        """As Snakemake sets it up."""

    logger = Logger("snakemake")
    handler = logging.StreamHandler()
    handler.name = "DefaultStreamHandler"
    logger.addHandler(handler)
    run = RunConsole(logger, project(), [], shown=True)
    logger.info("Reason: Missing output files", extra={"event": "job_info"})
    logger.info("Select jobs to execute...")
    logger.info("jobs", extra={"event": "run_info", "stats": {"cams": 2, "total": 2}})
    logger.error("Error in rule cams", extra={"event": "job_error"})
    logger.warning("something odd")
    logger.info("Complete log(s): x")
    logger.info("Nothing to be done (all requested files are present and up to date).")
    said = capsys.readouterr().err.splitlines()
    masks = next(line for line in said if " masks: " in line)
    assert said[:4] == [
        "Error in rule cams",
        "something odd",
        "Complete log(s): x",
        "Nothing to be done (all requested files are present and up to date).",
    ]
    assert str(BASE / "pseudo_labels") in masks
    run.finish(success=False)


def test_ctrl_c_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.Logger("snakemake")
    handler = logging.StreamHandler()
    handler.name = "DefaultStreamHandler"
    logger.addHandler(handler)
    run = RunConsole(logger, project(), [], shown=True)
    logger.error("an error of before")
    logger.info("Terminating processes on user request, this might take some time.")
    logger.error("Error in rule cams", extra={"event": "job_error"})
    logger.error("At least one job did not complete successfully.")
    run.finish(success=False)
    said = ["an error of before", "bes: stopped; the same command goes on from here"]
    assert capsys.readouterr().err.splitlines() == said


def test_verbose_is_snakemakes_own_words() -> None:
    quiet = dict.fromkeys(("verbose", "printshellcmds", "debug_dag", "quiet"))
    assert wanted(SimpleNamespace(**quiet))
    assert not any(wanted(SimpleNamespace(**quiet | {name: True})) for name in quiet)


@pytest.mark.parametrize("success", [None, True, False])
def test_watch_ends_with_the_run(success: bool | None, capsys: pytest.CaptureFixture[str]) -> None:
    Path("p.yaml").write_text(yaml.safe_dump(CONFIG))
    if success is not None:
        run = StartedRun(time.time() - 1, ("cams",), success)
        run.write(project())
        assert StartedRun.read(project()).success is success
    words = ["watch", "--configfile", "p.yaml"]
    if success is False:
        with pytest.raises(SystemExit, match="1"):
            main(words)
        assert "the run ended before all was done" in capsys.readouterr().out
    else:
        assert main(words) == 0
        assert "bes review --configfile p.yaml" in capsys.readouterr().out


def test_a_run_tells_those_who_watch_what_it_does() -> None:
    logger = logging.Logger("snakemake")
    run = RunConsole(logger, project(), [], shown=False)
    logger.info("jobs", extra={"event": "run_info", "stats": {"cams": 2, "total": 2}})
    run.start()
    found = StartedRun.read(project())
    assert (found.stages, found.success) == (["cams", "total"], None)
    assert at("cams", since=found.started).state == "waiting"
    run.finish(success=True)
    assert StartedRun.read(project()).success
