"""Two runs, or two jobs, at once in one folder: nothing is computed twice, nothing is torn."""

import re
import shutil
import sys
from typing import Any


def test_of_two_workflows_one_works_and_the_other_says_so(project: Any) -> None:
    expected = project.contents()
    shutil.rmtree(project.folder("boundary_labels"))
    shutil.rmtree(project.folder("report"))
    runs = [project.start(*project.SNAKEMAKE, log=f"{number}.txt") for number in range(2)]
    # Whoever comes second sees the lock of the first, however close they are.
    assert sorted(run.wait(900) for run in runs) == [0, 1]
    refused = next(n for n, run in enumerate(runs) if run.returncode)
    message = (project.path / f"{refused}.txt").read_text()
    assert "Directory cannot be locked" in message
    assert project.is_done()
    assert project.contents() == expected


def test_of_two_jobs_of_a_shard_one_waits_for_the_other(project: Any) -> None:
    expected = project.contents()
    shutil.rmtree(project.folder("boundary_labels"))
    command = ["boundary_labels", "--dataset", project.folder("dataset"), "--shard", "000"]
    command += ["--cams", project.folder("cams"), "--out", project.folder("boundary_labels")]
    command += ["--theta-fg", 0.6, "--theta-bg", 0.5, "--window", 7, "--crf-iterations", 2]
    words = [sys.executable, "-m", "bes", *command, "--threads", 1]
    jobs = [project.start(*words, log=f"{number}.txt") for number in range(2)]
    assert [job.wait(300) for job in jobs] == [0, 0]
    shard = [name for name in expected if "/boundary_labels/_receipts/000" in name]
    images = project.file("boundary_labels").parent.glob("*.png")
    logs = [(project.path / f"{number}.txt").read_text() for number in range(2)]
    todo = sorted(re.findall(r"^boundary_labels 000: (\d+) of \d+ to do$", "".join(logs), re.M))
    made = {f"results/tiny/base/boundary_labels/{path.name}" for path in images}
    assert todo == sorted(["0", str(len(made))]) and made
    found = project.contents()
    assert all(found[name] == expected[name] for name in (*shard, *made))
