"""Which strokes were solved on other maps than those that are there now."""

import json
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from bes.data.corrections import CORRECTIONS, SCRIBBLES, correction_files
from bes.incremental.stage import image_file
from bes.project.settings import Project
from bes.storage.files import digest_file
from bes.storage.memo import digest_of


def maps_of(project: Project, experiment: str) -> Callable[[str], str]:
    """A function: image -> a digest of what its strokes are solved on now."""
    options = project.experiments[experiment].options
    settings = [asdict(options[name]) for name in ("revised_maps", "pseudo_labels")]
    names = ("boundary_maps", "revised_maps")
    folders = {name: project.folder(experiment, name) for name in names}
    folders |= project.read_by("pseudo_labels", experiment)

    def maps(image: str) -> str:
        files = (image_file(name, folders[name], image) for name in names)
        return digest_of([*map(digest_file, files), settings])

    return maps


def solved_on_others(project: Project, experiment: str, images: Collection[str]) -> int:
    """How many of the images have a correction whose strokes were solved on other maps."""
    dataset = project.experiments[experiment].options["dataset"]
    strokes = list((Path(dataset.root) / SCRIBBLES).glob("*.json"))
    corrections = correction_files(Path(dataset.root) / (dataset.corrections or CORRECTIONS))
    maps, count = maps_of(project, experiment), 0
    for file in strokes:
        # What cannot be read is told of by the review.
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(file.read_bytes())
            image = content["image"]
            if image not in images or digest_file(corrections[image]) != content["correction"]:
                continue
            count += content["solved_from"] != maps(image)
    return count
