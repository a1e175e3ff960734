"""What happens to a finished project, and exactly what is computed anew.

Each event is followed by a plain `snakemake`, and that by one that has nothing to do.
"""

import itertools
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bes.data.images import decode_labels
from bes.data.manifest import shard_name, shard_of
from bes.data.synthetic import CLASSES
from bes.incremental.journal import read_runs
from bes.incremental.stage import per_image_stages
from bes.storage.layout import model_receipt

IMAGES, SHARDS = 12, 2


def edit(file: Path, *changes: tuple[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text, encoding="utf-8")


def docstring_of(file: Path) -> str:
    return file.read_text(encoding="utf-8").split('"""')[1]


# Files that come to harm


def test_a_deleted_file_is_computed_anew_and_nothing_else(project: Any) -> None:
    before = project.contents()
    project.file("cams").unlink()
    assert project.run() == {"cams": 1}
    assert project.disturbed(before) == set()


def test_files_deleted_in_several_stages_are_computed_anew(project: Any) -> None:
    before = project.contents()
    for stage, number in (
        ("revised_maps", 1),
        ("boundary_labels", 2),
        ("boundary_labels", 3),
        ("boundary_maps", 4),
        ("pseudo_labels", 5),
    ):
        project.file(stage, number).unlink()
    assert project.run() == {
        "boundary_labels": 2,
        "boundary_maps": 1,
        "revised_maps": 1,
        "pseudo_labels": 1,
    }
    assert project.disturbed(before) == set()


def test_an_empty_file_is_computed_anew(project: Any) -> None:
    before = project.contents()
    os.truncate(project.file("pseudo_labels"), 0)
    os.truncate(project.file("boundary_labels"), 0)
    assert project.run() == {"boundary_labels": 1, "pseudo_labels": 1}
    assert project.disturbed(before) == set()


def test_a_deleted_network_is_trained_again_to_the_same_bytes(project: Any) -> None:
    before = project.contents()
    project.file("benet").unlink()
    assert project.run() == {"benet": 1}
    assert project.disturbed(before) == set()


def test_damage_that_keeps_the_size_is_found_by_verify(project: Any) -> None:
    before, file = project.contents(), project.file("pseudo_labels")
    content = file.read_bytes()
    file.write_bytes(content[:-20] + bytes(20))
    assert project.is_done()
    done = project.bes("verify")
    assert f"{file.relative_to(project.path)}: damaged" in done.stdout
    assert done.returncode == 1
    assert project.run() == {"pseudo_labels": 1}
    assert project.disturbed(before) == set()


def test_jobs_without_work_leave_the_journal_and_the_log_of_when_there_was(project: Any) -> None:
    folder = project.folder("pseudo_labels")
    log = project.folder("classifier") / "_logs/classifier.log"
    assert [run.options["threshold"] for run in read_runs(folder)] == [0.6] * 2
    project.file("pseudo_labels").unlink()
    project.file("classifier").unlink()
    assert project.run() == {"classifier": 1, "pseudo_labels": 1}
    runs, text = read_runs(folder), log.read_text()
    assert sum(run.images for run in runs) == IMAGES + 1
    assert "mean average precision" in text
    # Jobs of all stages start, and find nothing to do.
    for scene in (0, 1):
        project.mask(project.records[scene].id).unlink()
        assert project.run() == {}
        assert read_runs(folder) == runs
        assert log.read_text() == text + "classifier: up to date\n"


# Photographs that come, go and change


def test_a_new_photograph_starts_the_jobs_of_its_shard_alone_while_training_is_frozen(
    project: Any,
) -> None:
    before, scene = project.contents(), project.spare[0]
    project.add(scene)
    project.configure({"policy": "frozen"})
    done = project.snakemake()
    assert done.returncode == 0, done.stderr[-4000:]
    assert project.computed() == dict.fromkeys(per_image_stages(), 1)
    for stage in per_image_stages():
        logs = {path.stem for path in (project.folder(stage) / "_logs").iterdir()}
        assert logs == {shard_name(shard_of(scene, SHARDS))}, stage
    for name in before.keys() & project.disturbed(before):
        assert not name.endswith((".safetensors", ".npz")) and "_labels/s" not in name, name
    assert project.is_done()


def test_a_new_photograph_that_cannot_be_read_ends_the_run_at_once(project: Any) -> None:
    before, scene = project.contents(), project.spare[0]
    project.add(scene)
    project.photograph(scene).write_bytes(b"no picture")
    done = project.snakemake()
    assert done.returncode == 2
    assert f"{scene}.jpg" in done.stderr and "Traceback" not in done.stderr
    manifest = "results/tiny/base/dataset/_receipts/whole.json"
    assert project.disturbed(before) <= {manifest}
    project.remove(scene)
    assert project.run() == {}
    assert not project.disturbed(before)


def test_new_photographs_train_the_networks_anew_otherwise(project: Any) -> None:
    before, count = project.contents(), len(project.spare)
    for scene in project.spare:
        project.add(scene)
    computed = project.run()
    assert computed["classifier"] == computed["benet"] == 1
    assert computed["cams"] == computed["boundary_maps"] == IMAGES + count
    assert all(computed[stage] >= count for stage in per_image_stages())
    networks = {f"results/tiny/base/{stage}/model.safetensors" for stage in ("classifier", "benet")}
    assert networks <= project.disturbed(before)


def test_a_removed_photograph_leaves_its_files_until_they_are_cleaned_away(project: Any) -> None:
    scene, files = project.records[4].id, [project.file(stage, 4) for stage in per_image_stages()]
    project.remove(scene)
    project.configure({"policy": "frozen"})
    assert project.run() == {}
    assert all(file.exists() for file in files)
    assert f"{len(files)} files removed" in project.bes("clean").stdout
    assert not any(file.exists() for file in files)
    assert project.is_done()


def test_a_photograph_that_is_replaced_is_computed_anew(project: Any) -> None:
    before, scene = project.contents(), project.records[7].id
    other = project.path / "data/scenes/JPEGImages" / f"{project.spare[0]}.jpg"
    shutil.copy(other, project.photograph(scene))
    project.configure({"policy": "frozen"})
    computed = project.run()
    assert computed.pop("cams") == computed.pop("boundary_maps") == 1
    assert all(count == 1 for count in computed.values())
    images = {name for name in project.disturbed(before) if name.endswith((".npz", ".png"))}
    assert {Path(name).stem for name in images if "/report/" not in name} == {scene}


# Labels corrected by hand


def test_a_correction_takes_the_place_of_one_pseudo_label_and_can_be_taken_back(
    project: Any,
) -> None:
    folder, scene = project.path / "data/photographs/corrections", project.records[5].id
    folder.mkdir()
    project.configure({"dataset": {"corrections": "corrections"}})
    assert project.run() == {}
    before = project.contents()
    pixels = np.full((64, 80), 255, np.uint8)
    shown = CLASSES.index(project.records[5].labels[0]) + 1
    for value in (shown, 0):  # a correction, and another one in its place
        pixels[:40] = value
        Image.fromarray(pixels).save(folder / f"{scene}.png")
        assert project.run() == {"pseudo_labels": 1}
        assert (decode_labels(project.file("pseudo_labels", 5)) == pixels).all()
    changed = {name for name in project.disturbed(before) if name.endswith((".png", ".npz"))}
    labels = {name for name in changed if "/evaluation/" not in name and "/report/" not in name}
    assert labels == {f"results/tiny/base/pseudo_labels/{scene}.png"}
    (folder / f"{scene}.png").unlink()
    assert project.run() == {"pseudo_labels": 1}
    assert project.disturbed(before) == set()


# Settings and code that change


def changed(project: Any, stage: str, before: dict[str, bytes]) -> int:
    return sum(
        name.startswith(f"results/tiny/base/{stage}/scene") for name in project.disturbed(before)
    )


def test_a_setting_of_the_walk_computes_it_and_the_labels_of_what_differs(project: Any) -> None:
    before = project.contents()
    project.configure({"revised_maps": {"steps": 1}})
    computed = project.run()
    assert computed.pop("revised_maps") == IMAGES
    assert computed == {"pseudo_labels": changed(project, "revised_maps", before)}


def test_a_threshold_of_the_boundary_labels_computes_them_and_what_follows(project: Any) -> None:
    before = project.contents()
    project.configure({"boundary_labels": {"theta_fg": 0.7}})
    computed = project.run()
    assert computed.pop("pseudo_labels", 0) == changed(project, "revised_maps", before)
    expected = {"boundary_labels": IMAGES, "benet": 1}
    assert computed == expected | dict.fromkeys(("boundary_maps", "revised_maps"), IMAGES)


def test_settings_of_the_last_stage_compute_it_and_switching_back_has_the_earlier_results(
    project: Any,
) -> None:
    before = project.contents()
    for settings in ({"threshold": 0.9}, {"crf_iterations": 3}):
        project.configure({"pseudo_labels": settings})
        assert project.run() == {"pseudo_labels": IMAGES}
    project.configure({})
    assert project.run() == {"pseudo_labels": IMAGES}
    assert project.disturbed(before) == set()


def test_an_experiment_under_its_own_name_leaves_its_base_alone(project: Any) -> None:
    before = project.contents()
    project.configure({"experiments": {"strict": {"pseudo_labels": {"threshold": 0.9}}}})
    assert project.run() == {}
    assert project.computed("strict") == {"pseudo_labels": IMAGES}
    assert all(name.startswith("results/tiny/strict/") for name in project.disturbed(before))
    assert not project.folder("revised_maps", "strict").exists()
    project.configure({})
    assert project.is_done()


def test_an_edit_of_a_module_computes_the_stages_that_use_it(project: Any) -> None:
    before = project.contents()
    edit(project.path / "bes/method/random_walk.py", ("\nimport ", "\nEDITED = True\nimport "))
    assert project.run() == {"revised_maps": IMAGES}
    # The digest of the code is in the receipts, and nothing else differs.
    assert {Path(name).parent.name for name in project.disturbed(before)} == {"_receipts"}


def test_an_edit_of_comments_docstrings_or_bookkeeping_computes_nothing(project: Any) -> None:
    package = project.path / "bes"
    for file in (
        "method/random_walk.py",
        "method/dense_crf.py",
        "networks/backbones.py",
        "stages/cams.py",
    ):
        edit(
            package / file, (docstring_of(package / file), "Words, other words."), ("\n\n", "\n#\n")
        )
    edit(package / "storage/memo.py", ("\nimport ", "\nEDITED = True\nimport "))
    assert project.is_done()


# Nothing that matters


def test_touching_everything_computes_nothing(project: Any) -> None:
    before = project.contents()
    for path in [*project.path.rglob("*")]:
        if ".snakemake" not in path.parts:
            os.utime(path)
    assert project.run() == {}
    assert project.disturbed(before) == set()


def test_a_fresh_clone_over_old_results_computes_nothing(project: Any) -> None:
    shutil.rmtree(project.path / ".snakemake")
    for part in ("bes", "workflow", "config", "profiles"):
        for path in (project.path / part).rglob("*"):
            os.utime(path)
    assert project.is_done()


def test_a_moved_directory_is_as_it_was(project: Any) -> None:
    away = project.path.with_name("another name")
    project.path.rename(away)
    project.path = away
    assert project.is_done()


# Jobs that fail, and damage that is read


def test_trainings_of_another_seed_that_failed_once_are_done_by_the_next_run(project: Any) -> None:
    before = project.file("classifier").read_bytes()
    project.configure({"seed": 1})
    (project.path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if sys.orig_argv[1:4] == ['-m', 'bes', 'classifier']:\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert project.snakemake().returncode == 1
    assert not model_receipt(project.folder("classifier")).exists()
    (project.path / "sitecustomize.py").unlink()
    computed = project.run()
    # Everything from the trainings on.
    first, second, *others = per_image_stages()
    assert list(computed) == ["classifier", first, second, "benet", *others]
    assert computed["cams"] == computed["boundary_maps"] == IMAGES
    assert project.file("classifier").read_bytes() != before


def test_dates_of_results_hide_no_change(project: Any) -> None:
    stages = sorted((project.path / "results/tiny/base").iterdir())
    for stage, ahead in zip(stages, itertools.cycle((86400, -86400)), strict=False):
        date = time.time() + ahead
        for path in stage.rglob("*"):
            os.utime(path, (date, date))
    assert project.is_done()
    rows = (project.path / "data/photographs/labels.csv").read_text().splitlines()[1:]
    project.table([rows[0].split(",")[0] + ",rings", *rows[1:]])
    assert "labels.csv" in project.bes("status").stdout
    assert project.run()["classifier"] == 1


def test_damage_that_can_be_read_poisons_nothing(project: Any) -> None:
    before, file = project.contents(), project.file("boundary_maps", 1)
    pixels = np.array(Image.open(file))
    pixels[:] = 60000
    Image.fromarray(pixels.astype(np.uint16)).save(file)
    project.file("revised_maps", 1).unlink()
    done = project.snakemake()
    assert done.returncode != 0
    assert f"{file.relative_to(project.path)}: found other bytes than the digest" in done.stderr
    assert project.run() == {"boundary_maps": 1, "revised_maps": 1}
    assert project.disturbed(before) == set()


def test_a_photograph_changed_under_its_size_and_date_is_computed_anew(project: Any) -> None:
    file = project.photograph(project.records[2].id)
    found, content = file.stat(), bytearray(file.read_bytes())
    content[-200] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(found.st_atime_ns, found.st_mtime_ns))
    project.configure({"policy": "frozen"})
    assert project.run()["cams"] == 1


def test_tables_and_manifests_that_are_cut_are_found_and_mended(project: Any) -> None:
    before = project.contents()
    harmed = ["evaluation/scores.json", "report/scores.csv", "quality/ranking.csv"]
    harmed += ["dataset/images.csv", "dataset/classes.json", "dataset/shards/000.csv"]
    harmed += ["report/page/index.html", "cams/_receipts/000.json", "benet/metrics.csv"]
    for name in harmed:
        file = project.path / "results/tiny/base" / name
        os.truncate(file, file.stat().st_size // 2)
    done = project.bes("verify")
    assert done.returncode == 1
    # The photographs cannot be looked up where the manifest itself is damaged.
    assert all(f"results/tiny/base/{name}: damaged" in done.stdout for name in harmed)
    project.run()
    assert project.disturbed(before) == set()
    assert project.bes("verify").returncode == 0


def test_a_broken_manifest_heals_by_itself(project: Any) -> None:
    before = project.contents()
    os.truncate(project.folder("dataset") / "shards/001.csv", 100)
    assert project.run() == {}
    assert project.disturbed(before) == set()


# Stray files, looks, and force


def test_a_stray_file_among_the_photographs_starts_nothing(project: Any) -> None:
    (project.path / "data/photographs/notes.txt").write_text("notes")
    (project.path / "data/photographs/JPEGImages/config.yaml").write_text("name: x")
    assert project.is_done()


def everything(project: Any) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted((project.path / "results").rglob("*"))
    }


def test_a_dry_run_shows_what_changed_and_writes_nothing(project: Any) -> None:
    rows = (project.path / "data/photographs/labels.csv").read_text().splitlines()[1:]
    project.table([rows[0].split(",")[0] + ",rings", *rows[1:]])
    project.file("pseudo_labels").unlink()
    before = everything(project)
    done = project.command(*project.SNAKEMAKE, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "labels.csv" in done.stdout + done.stderr
    for mode in ("--dag", "--summary", "--rulegraph"):
        assert project.command(*project.SNAKEMAKE, mode).returncode == 0
    assert everything(project) == before


def test_a_dry_run_in_a_new_folder_leaves_it_new(new_project: Any) -> None:
    project = new_project()
    assert project.command(*project.SNAKEMAKE, "--dry-run").returncode == 0
    assert not (project.path / "results").exists()


def test_a_forced_rule_is_computed_anew_and_only_what_differs_follows(project: Any) -> None:
    before = project.contents()
    done = project.snakemake("--forcerun", "cams")
    assert done.returncode == 0, done.stderr
    assert project.computed() == {"cams": IMAGES}
    assert project.disturbed(before) == set()
    assert project.is_done()


def test_with_everything_forced_everything_is_computed(project: Any) -> None:
    before = project.contents()
    done = project.snakemake("--forceall")
    assert done.returncode == 0, done.stderr
    expected = {"classifier": 1, "benet": 1} | dict.fromkeys(per_image_stages(), IMAGES)
    assert project.computed() == expected
    assert project.disturbed(before) == set()


def test_after_all_output_is_deleted_nothing_is_left_of_it(project: Any) -> None:
    before = project.contents()
    assert project.snakemake("--delete-all-output").returncode == 0
    left = [
        p for p in (project.path / "results").rglob("*") if p.suffix in (".npz", ".safetensors")
    ]
    assert left == []
    expected = {"classifier": 1, "benet": 1} | dict.fromkeys(per_image_stages(), IMAGES)
    assert project.run() == expected
    assert project.disturbed(before) == set()
