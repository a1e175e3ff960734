"""Machines that share no folder: all that a job reads and leaves goes through a storage."""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bes.commands.carried import run_carried
from bes.data.manifest import Catalog, ImageRecord, write_dataset
from bes.errors import BesError
from bes.storage.bundle import pack, unpack

MIRRORED = {"mirrored": {"cams": {"flip": True}}}
MILDER = {"milder": {"pseudo_labels": {"threshold": 0.5}}}
EXPERIMENTS = {
    # Of `milder` all but the pseudo labels is that of `base`, of `mirrored` the classifier.
    "experiments": MILDER | MIRRORED,
    "comparisons": {"tried": {"experiments": ["base", "milder", "mirrored"]}},
}


@pytest.mark.skipif(shutil.which("rsync") is None, reason="the storage plugin copies by rsync")
def test_a_storage_has_the_files_of_a_plain_run(
    project: Any, new_project: Callable[[], Any], tmp_path: Path
) -> None:
    pytest.importorskip("snakemake_storage_plugin_fs")
    remote, storage = new_project(), tmp_path / "storage"

    def run(*words: object) -> dict[str, int]:
        """Rule -> jobs, but `all`."""
        options = ("--default-storage-provider", "fs", "--default-storage-prefix", storage)
        done = remote.snakemake(*words, *options, "--shared-fs-usage", "none")
        assert done.returncode == 0, done.stderr[-4000:]
        table = re.findall(r"^(\w+) +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
        return {rule: int(jobs) for rule, jobs in table if rule not in ("all", "total")}

    def contents(of: Any) -> dict[str, bytes]:
        """Without what stays where the run was started, and what jobs alone read."""
        every = of.contents()
        hidden = {"_plan.json", "_bundles"}
        return {name: every[name] for name in every if hidden.isdisjoint(Path(name).parts)}

    def masks(of: Path) -> set[Path]:
        return {path.relative_to(of) for path in of.glob("results/tiny/*/pseudo_labels/*.png")}

    def both_have_the_same() -> None:
        expected, found = contents(project), contents(type(remote)(storage))
        assert found.keys() == expected.keys()
        assert [name for name in expected if found[name] != expected[name]] == []

    for each in (project, remote):
        each.configure(EXPERIMENTS)
    project.run()
    assert "report" not in run("pseudo_labels")
    assert masks(storage) == masks(project.path)
    run()
    both_have_the_same()
    assert run() == {}
    assert not list((remote.path / ".snakemake").rglob("bes-*"))

    # What Snakemake does not see: a file of a folder, and the photographs.
    label = project.file("pseudo_labels").relative_to(project.path)
    deleted = storage / label
    deleted.unlink()
    assert run("--dry-run") == {"stage_folder": 1}
    assert run(label) == {"pseudo_labels_of_image": 1}
    assert deleted.read_bytes() == (project.path / label).read_bytes()
    photograph = remote.photograph("scene_00003")
    before = photograph.read_bytes()
    shutil.copy(remote.photograph("scene_00004"), photograph)
    assert {"dataset": 1, "classifier": 1}.items() <= run("--dry-run").items()
    photograph.write_bytes(before)

    deleted.unlink()
    milder = {"milder": {"pseudo_labels": {"threshold": 0.45}}}
    for each in (project, remote):
        each.configure(EXPERIMENTS | {"experiments": MIRRORED | milder})
    project.run()
    assert run() == {
        **{"pseudo_labels": 2, "evaluation": 1, "quality": 1, "report": 1, "comparison": 1},
        # That of the changed pseudo labels, and that with the deleted file.
        "stage_folder": 2,
    }
    both_have_the_same()


def test_a_bundle_depends_on_names_and_bytes_alone(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for path in (one, other):
        path.write_text("x")
    os.utime(one, (0, 0))
    pack(tmp_path / "a.tar", {"ü/1": one, "2": other})
    pack(tmp_path / "b.tar", {"2": one, "ü/1": other})
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    unpack(tmp_path / "a.tar", tmp_path / "there")
    assert (tmp_path / "there/ü/1").read_text() == "x"


def test_a_bundle_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(2000))
    pack(tmp_path / "a.tar", {"file": tmp_path / "file"})
    for length in (1500, 700, 0):
        os.truncate(tmp_path / "a.tar", length)
        with pytest.raises(BesError, match=r"a\.tar: found a damaged bundle"):
            unpack(tmp_path / "a.tar", tmp_path / "there")


def test_a_photograph_outside_of_the_root_cannot_be_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record = ImageRecord("a", "../a.jpg", 8, 8, (), "train", "digest")
    catalog = Catalog(tmp_path / "root", ("cat",), (1,))

    def dataset(argv: Sequence[str]) -> int:
        write_dataset(Path("results/d/base/dataset"), records=[record], catalog=catalog, shards=1)
        return 0

    with pytest.raises(BesError, match=r"\.\./a\.jpg: found a file outside of dataset\.root"):
        run_carried(["dataset", "--out", "results/d/base/dataset"], tmp_path / "store", dataset)
