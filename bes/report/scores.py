"""The scores that stage `evaluation` wrote: reading them, and the table that is printed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bes.errors import BesError
from bes.report.supervision import marked, more_than_labels
from bes.storage.vouched import read_vouched
from bes.storage.words import counted


def print_scores(folder: Path) -> None:
    """Print the table of the scores in a folder; raises BesError if there are none."""
    path = folder / "scores.json"
    scores = read_scores(path)
    try:
        lines = list(_lines(scores))
    except (KeyError, TypeError, ValueError) as error:
        raise BesError(f"{path}: not written by `bes evaluation` ({error!r})") from None
    print("\n".join(lines))


def read_scores(path: Path) -> dict[str, Any]:
    """What an evaluation wrote; raises BesError if it is missing or something else."""
    try:
        scores = json.loads(read_vouched(path))
        if not isinstance(scores, dict) or not {"skipped", "pseudo_labels"} & scores.keys():
            raise ValueError("no scores")
        return scores
    except FileNotFoundError:
        raise BesError(f"{path}: no such file; run `bes evaluation` first") from None
    except ValueError as error:
        raise BesError(f"{path}: not written by `bes evaluation` ({error})") from None


def _lines(scores: dict[str, Any]) -> Iterator[str]:
    if "skipped" in scores:
        yield f"evaluation skipped: {scores['skipped']}"
    else:
        yield f"mIoU (%) on {counted(scores['photographs'], 'training photograph')}"
        rows = list(_table(scores))
        width = max(24, *(len(label) for label, _, _ in rows))
        for label, miou, note in rows:
            yield f"  {label:<{width}}{miou:6.2f}  {note}"
    if found := scores.get("predictions"):
        yield f"mIoU (%) on {counted(found['photographs'], 'photograph')} held out"
        label = marked("prediction", more_than_labels(scores, ["predictions"]))
        yield f"  {label:<24}{found['miou']:6.2f}  segmentation network and dCRF"


def _table(scores: dict[str, Any]) -> Iterator[tuple[str, float, str]]:
    for name, label in (("cams", "CAM"), ("revised_maps", "revised map")):
        score, more = scores[name], more_than_labels(scores, [name])
        kinds = (("configured", score), ("best", score["best"]))
        for kind, found in kinds:
            note = f"threshold {found['threshold']:g}"
            yield marked(f"{label}, {kind}", more), found["miou"], note
    label = marked("pseudo label", more_than_labels(scores, ["pseudo_labels"]))
    yield label, scores["pseudo_labels"]["miou"], "threshold and dCRF as configured"
