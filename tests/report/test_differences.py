"""Two experiments side by side: the photographs whose labels differ most come first."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from finished import CONFIG, RESULTS
from PIL import Image

from bes.cli import main
from bes.data.images import decode_labels, encode_labels
from bes.data.manifest import read_manifest
from bes.report.contact_sheet import SIDE

pytestmark = pytest.mark.usefixtures("finished")


def spoil(image: str, share: float) -> None:
    """Have the label of the other experiment differ in a share of its rows."""
    labels = decode_labels(RESULTS / "base/pseudo_labels" / f"{image}.png").copy()
    rows = round(share * len(labels))
    labels[:rows] = 2 - labels[:rows]
    labels[:rows][labels[:rows] == 1] = 0
    (RESULTS / "other/pseudo_labels" / f"{image}.png").write_bytes(encode_labels(labels))


def differences(*words: str) -> int:
    Path("c.yaml").write_text(yaml.safe_dump(CONFIG))
    return main(["differences", *words, "--configfile", "c.yaml"])


def images() -> list[str]:
    return [r.id for r in read_manifest(RESULTS / "base/dataset/images.csv") if not r.held_out]


def test_those_that_differ_most_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, *_ = images()
    spoil(first, 0.25)
    spoil(second, 0.5)
    same = len(images()) - 2
    assert differences("base", "other", "--out", "sheet.jpg") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"2 of {same + 2} labels differ, in ")
    assert said[1] == f"  {second}: 50.0 %" and said[2] == f"  {first}: 25.0 %"
    assert said[3] == "the 2 photographs that differ most: sheet.jpg"
    with Image.open("sheet.jpg") as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    assert sheet.width > 6 * SIDE
    # The labels of the photograph in front have other colours on either side.
    left, right = (pixels[40 : 30 + SIDE, x : x + SIDE] for x in (SIDE + 12, 2 * SIDE + 18))
    assert np.abs(left - right).mean() > 3


def test_experiments_with_the_same_labels_are_said_to_be_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert differences("base", "base") == 0
    assert f"0 of {len(images())} labels differ" in capsys.readouterr().out
    assert not Path("base-base.jpg").exists()


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        ("another", "differences: found 'another', expected one of base, other"),
        ("other", "pseudo_labels/{image}.png: no such label; `bes run` makes it"),
    ],
)
def test_what_is_not_there_is_named(
    second: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    image = images()[0]
    (RESULTS / "other/pseudo_labels" / f"{image}.png").unlink()
    assert differences("base", second) == 2
    assert sentence.format(image=image) in capsys.readouterr().err
