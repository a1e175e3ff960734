"""From photographs to labels, overlays and probabilities: batched, on all cores or a GPU."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from bes.data.images import (
    Maps,
    decode_labels,
    encode_labels,
    encode_maps,
    read_photograph,
)
from bes.data.manifest import Catalog, ImageRecord
from bes.data.working_size import reduce_to, resize_labels
from bes.errors import BesError
from bes.predict.trained import TrainedNetwork
from bes.report.contact_sheet import encode_jpeg
from bes.report.pictures import tinted
from bes.stages.predictions import labeller
from bes.stages.shared.segmentation_inference import load_segmenter, mapper
from bes.storage.pool import forked_map, in_order

BATCH_PIXELS, BATCH_PIXELS_OF_GPU = 100_000, 4_000_000
"""Pixels of the photographs that go through the network at once. On a CPU, several of the usual
size at once take longer than one after the other."""
CHUNK, CHUNK_OF_GPU = 4, 16
"""Photographs at most that a process takes at a time: as many are lost if a run is killed."""
READERS = 4
"""Threads that read photographs for a GPU."""


class Task(NamedTuple):
    """A photograph, and what is to be made of it."""

    path: Path
    files: dict[str, Path]
    """Kind of result, `labels` always among them -> where it lies or will lie."""
    due: frozenset[str]
    """The kinds to make."""
    shown: list[int] | None
    """The labels that it may have; None: any."""


class Result(NamedTuple):
    """What was made of a photograph, or why nothing was."""

    task: Task
    contents: dict[str, bytes]
    """Kind -> content of the file."""
    problem: str | None = None


@dataclass
class _Looked:
    """A photograph at its working size, and what the network says of it."""

    task: Task
    photo: np.ndarray | None = None
    size: tuple[int, int] = (0, 0)
    """Height and width of the photograph as it is."""
    maps: Maps | None = None
    problem: str | None = None


def compute(
    tasks: Sequence[Task], trained: TrainedNetwork, *, device: str, threads: int
) -> Iterator[Result]:
    """The results in order; a photograph that cannot be read has a problem, the others go on.

    CPU: a process for each thread does all. GPU: threads read photographs and share the network,
    processes do the rest.
    """
    look, finish = _looker(trained, device), _finisher(trained)
    most = CHUNK if device == "cpu" else CHUNK_OF_GPU
    length = min(max(len(tasks) // (4 * threads), 1), most)
    chunks = [tasks[start : start + length] for start in range(0, len(tasks), length)]
    processes = min(threads, len(chunks))
    if device == "cpu":
        for results in forked_map(lambda c: finish(look(c)), chunks, processes=processes):
            yield from results
    else:
        with ThreadPoolExecutor(min(READERS, threads)) as readers:
            looked = in_order(readers, look, chunks, ahead=READERS)
            for results in forked_map(finish, looked, processes=processes):
                yield from results


def _looker(trained: TrainedNetwork, device: str) -> Callable[[Sequence[Task]], list[_Looked]]:
    """A function that reads photographs, and applies the network where that is needed."""
    network = load_segmenter(trained.file, device)
    least = trained.maps.least_probability
    maps_of = mapper(trained.maps, network, device, least_probability=least)
    most = BATCH_PIXELS if device == "cpu" else BATCH_PIXELS_OF_GPU

    def look(tasks: Sequence[Task]) -> list[_Looked]:
        looked = [_read(task, trained.catalog) for task in tasks]
        alike: dict[tuple[int, ...], list[_Looked]] = {}
        for one in looked:
            if one.photo is not None and one.task.due - {"overlays"}:
                alike.setdefault(one.photo.shape, []).append(one)
        for (height, width, _), members in alike.items():
            count = max(most // (height * width), 1)
            for start in range(0, len(members), count):
                batch = members[start : start + count]
                photos = [one.photo for one in batch if one.photo is not None]
                found = maps_of(photos, [one.task.shown for one in batch])
                for one, maps in zip(batch, found, strict=True):
                    one.maps = maps
        return looked

    return look


def _read(task: Task, catalog: Catalog) -> _Looked:
    try:
        photo = read_photograph(task.path, catalog.bit_depth)
    except BesError as error:
        return _Looked(task, problem=str(error))
    height, width = photo.shape[:2]
    record = ImageRecord(task.path.stem, task.path.name, width, height, (), "test", "")
    return _Looked(task, reduce_to(photo, catalog.working_size(record)), (height, width))


def _finisher(trained: TrainedNetwork) -> Callable[[Sequence[_Looked]], list[Result]]:
    """A function that turns probabilities into the files of each photograph."""
    labels_of = labeller(trained.predictions)

    def finish_one(looked: _Looked) -> Result:
        task, photo = looked.task, looked.photo
        if photo is None:
            return Result(task, {}, looked.problem)
        contents = {}
        if "probabilities" in task.due and looked.maps is not None:
            contents["probabilities"] = encode_maps(*looked.maps)
        if "labels" in task.due and looked.maps is not None:
            labels = resize_labels(labels_of(looked.maps, photo), looked.size)
            contents["labels"] = encode_labels(labels)
        if "overlays" in task.due:
            if "labels" not in contents:
                labels = decode_labels(task.files["labels"])
            small = resize_labels(labels, photo.shape[:2])
            contents["overlays"] = encode_jpeg(Image.fromarray(tinted(photo, small)))
        return Result(task, contents)

    return lambda looked: [finish_one(one) for one in looked]
