"""The file of any image is a target of its own."""

from typing import Any

from bes.incremental.stage import per_image_stages


def target(project: Any, stage: str, number: int = 0) -> str:
    return str(project.file(stage, number).relative_to(project.path))


def test_every_file_of_every_stage_can_be_asked_for(finished: Any) -> None:
    targets = [target(finished, stage, number) for stage in per_image_stages() for number in (0, 7)]
    done = finished.command(*finished.SNAKEMAKE, "--dry-run", *targets)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not any(stage in computing(done.stderr) for stage in per_image_stages())


def computing(text: str) -> set[str]:
    """The rules that a dry-run counts, without the companions."""
    return {line.split()[0] for line in text.splitlines() if line and line.split()[-1].isdigit()}


def test_a_deleted_file_that_is_asked_for_is_computed_without_the_rest(project: Any) -> None:
    before = project.contents()
    for stage in ("boundary_labels", "pseudo_labels"):
        project.file(stage).unlink()
    wanted = target(project, "boundary_labels")
    assert project.run(wanted) == {"boundary_labels": 1}
    assert project.disturbed(before) == {
        target(project, "pseudo_labels"),
        *(name for name in project.disturbed(before) if "/pseudo_labels/_receipts/" in name),
    }
    assert project.run() == {"pseudo_labels": 1}
    assert project.disturbed(before) == set()


def test_an_image_that_is_not_in_the_dataset_is_an_error(project: Any) -> None:
    unknown = "results/tiny/base/pseudo_labels/nobody.png"
    done = project.snakemake(unknown)
    assert done.returncode != 0
    assert "not an image of this dataset" in done.stderr
    assert not (project.path / unknown).exists()


def test_an_experiment_that_shares_a_stage_says_where_the_file_is(project: Any) -> None:
    project.configure({"experiments": {"strict": {"pseudo_labels": {"threshold": 0.9}}}})
    done = project.snakemake("--dry-run", "results/tiny/strict/cams/scene_00000.npz")
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "strict shares its cams with base" in said
    assert "ask for results/tiny/base/cams/scene_00000.npz" in said
    own = "results/tiny/strict/pseudo_labels/scene_00000.png"
    assert project.snakemake("--dry-run", own).returncode == 0


LONG = "".join(f"{number}-" for number in range(99))[:250]
NAMES = ["my photo", "it's", 'say "x"', "$(touch pwned)", "a; b & c", "{braces}", "a" * 40, LONG]


def test_names_of_any_kind_are_targets_and_no_name_is_run_as_a_command(new_project: Any) -> None:
    project = new_project()
    data, rows = project.path / "data/photographs", ["image,labels"]
    (data / "SegmentationClass").rename(data / "away")
    names = iter(NAMES)
    for row in (data / "labels.csv").read_text().splitlines()[1:]:
        file, labels = row.split(",")
        name = next(names, file.removesuffix(".jpg"))
        (data / "JPEGImages" / file).rename(data / "JPEGImages" / f"{name}.jpg")
        quoted = name.replace('"', '""')
        rows.append(f'"{quoted}.jpg",{labels}')
    (data / "labels.csv").write_text("\n".join(rows) + "\n")
    targets = [f"results/tiny/base/cams/{name}.npz" for name in NAMES]
    for asked in (targets, targets[:1]):
        for target in asked:
            (project.path / target).unlink(missing_ok=True)
        done = project.snakemake(*asked)
        assert done.returncode == 0, done.stderr[-3000:]
        assert all((project.path / target).is_file() for target in asked)
    assert not (project.path / "pwned").exists()
