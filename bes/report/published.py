"""The numbers that the paper prints, each with its table: `published.json`."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from bes.errors import BesError

PATH = Path(__file__).with_name("published.json")


@cache
def published() -> dict[str, Any]:
    """All of them: IoU and mIoU in percent."""
    return json.loads(PATH.read_text(encoding="utf-8"))


def ablation(entry: str) -> float:
    """A row of the ablation on the training photographs; raises BesError for an unknown one."""
    known = published()["ablation"]["miou"]
    if entry not in known:
        raise BesError(f"published: found {entry!r}, expected one of: {'; '.join(known)}")
    return known[entry]


def is_voc(classes: tuple[str, ...]) -> bool:
    """Whether these are the twenty classes of PASCAL VOC, in any order."""
    return set(classes) == set(published()["classes"])
