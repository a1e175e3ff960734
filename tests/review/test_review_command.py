"""`bes review` from the command line."""

import json
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from vouching import vouch_for

from bes.cli import main
from bes.data.ranking import read_ranking

CONFIG = {"name": "p", "shards": 1}
CALL = ("--configfile", "my.yaml", "--config", "dataset={root: photographs}")


@pytest.fixture
def configured(project: Any) -> None:
    Path("my.yaml").write_text(yaml.safe_dump(CONFIG))


def test_it_serves_until_it_is_interrupted_and_says_what_to_type(configured: None) -> None:
    words = [sys.executable, "-m", "bes", "review", "--no-browser", *CALL]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as job:
        assert job.stdout is not None
        first = job.stdout.readline()
        assert first.startswith("4 photographs, the least trusted first: http://127.0.0.1:")
        url = re.findall(r"http\S+", first)[0]
        with urllib.request.urlopen(f"{url}photographs/1") as answer:
            state = json.load(answer)
        change = {"revision": state["revision"], "verdict": "rejected", "strokes": []}
        request = urllib.request.Request(
            f"{url}photographs/1",
            json.dumps(change).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["verdict"] == "rejected"
        job.send_signal(signal.SIGINT)
        said = job.stdout.read()
    assert job.returncode == 0
    assert "1 rejected, of 4; in" in said
    typed = shlex.split(said.splitlines()[-1])
    assert typed[:4] == ["bes", "run", "--configfile", "my.yaml"]
    # The command is one that the configuration takes.
    main(["status", *typed[2:]])


def test_without_a_ranking_it_says_who_writes_it(configured: None, capsys: Any) -> None:
    Path("results/p/base/quality/ranking.csv").unlink()
    assert main(["review", "--no-browser", *CALL]) == 2
    assert "ranking.csv: no such file; `bes quality` writes it" in capsys.readouterr().err


def test_without_a_configuration_it_says_that_one_is_missing(project: Any, capsys: Any) -> None:
    assert main(["review", "--no-browser"]) == 2
    said = capsys.readouterr().err
    assert "results/demo/base" in said and "expected --configfile and --config as the run" in said


def test_an_experiment_that_is_none_is_refused(configured: None, capsys: Any) -> None:
    assert main(["review", "--experiment", "x", *CALL]) == 2
    assert "--experiment: found 'x', expected one of base" in capsys.readouterr().err


def test_labels_go_to_a_tool_and_come_back_as_corrections(configured: None, capsys: Any) -> None:
    vouch_for(Path("results/p/base/pseudo_labels"), Path("results/p/base/dataset"))
    assert main(["export", "--format", "labelme", "--worst", "2", *CALL]) == 0
    out = Path("results/p/base/export/labelme-worst")
    assert "labelme: 2 photographs with pseudo labels" in capsys.readouterr().out
    worst = [row.image for row in read_ranking(Path("results/p/base/quality/ranking.csv"))[:2]]
    assert sorted(path.stem for path in out.glob("*.jpg")) == sorted(worst)
    assert main(["import", str(out), "--changed", *CALL]) == 0
    said = capsys.readouterr().out
    assert "0 corrections written" in said and "2 left out, equal to the pseudo label" in said
    assert main(["import", str(out), *CALL]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 corrections written to ") and "photographs/corrections\n" in said
    assert "corrections: corrections, review: review.csv" in said
    assert {path.stem for path in Path("photographs/corrections").iterdir()} == set(worst)


def test_a_fault_in_what_is_imported_ends_in_a_sentence(configured: None, capsys: Any) -> None:
    Path("label.json").write_text('{"shapes": [], "imagePath": "nobody.jpg"}')
    assert main(["import", "label.json", *CALL]) == 2
    assert "label.json: found the photograph 'nobody.jpg'" in capsys.readouterr().err
    assert not Path("photographs/corrections").exists()
