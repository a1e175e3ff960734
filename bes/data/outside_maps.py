"""Maps from outside: what other programs wrote for a photograph, checked, as the stages take it."""

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bes.data.images import read_bytes, read_grey
from bes.data.manifest import Catalog, ImageRecord
from bes.data.pickled_arrays import read_pickled
from bes.errors import BesError
from bes.storage.words import one_line

STRIDE = 4
"""Pixels of the photograph to a cell of the maps that stages keep."""
SLACK = 1e-3
"""By which scores may leave [0, 1]: half precision rounds by half of that."""
SCORES = ("attn_highres", "high_res", "highres", "cam", "cams")
"""What CLIP-ES, IRN and its descendants call the maps in their dicts, the finest first."""
DICT = "dict of arrays, as CLIP-ES, IRN or MCTformer write it"


def read_class_maps(path: Path, catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """Scores of the K classes present: float32 (K, h, w) in [0, 1], at 1/4 of the working size.

    Of an npz with `maps` (K,h,w) and `classes`, their label indices; of an npy with an array of
    all classes (C,h,w), of those present (K,h,w) or, of one, (h,w); of an npy with a dict, whose
    classes count from 0 as those of the masks do from 1; of a grey PNG, where one class is present.
    Maps of another size are brought to that, the mean of the pixels of a cell counts.

    Raises BesError, which names what was found and expected, for any other content, shape, class
    or range.
    """
    present = catalog.indices(record)
    content = read_arrays(path)
    if isinstance(content, np.ndarray):
        chosen = _of_array(content, catalog, present, path)
    elif "maps" in content and "classes" in content:
        chosen = _of_stage(content, catalog, present, path)
    else:
        chosen = _of_dict(content, catalog, present, path)
    scores = [_unit(each, path) for each in chosen]
    cells = [_cells(each, catalog.working_size(record), path, _mean_of_cells) for each in scores]
    size = [-(-length // STRIDE) for length in catalog.working_size(record)]
    return np.stack(cells) if cells else np.zeros((0, *size), np.float32)


def read_boundary(path: Path, catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """Boundary probability: float32 (h, w) in [0, 1], at 1/4 of the working size.

    Of a grey PNG, or an npy or npz with one array (h,w). The highest pixel of a cell counts, so
    that a thin line stays one. Raises BesError as `read_class_maps` does.
    """
    return _cells(
        _unit(_one_map(path), path), catalog.working_size(record), path, _highest_of_cells
    )


def read_foreground(path: Path, catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """Probability of the foreground: float32 (H, W) in [0, 1] at the working size, of a file as of
    `read_boundary`, resized bilinearly; raises BesError as that does."""
    return _resized(_unit(_one_map(path), path), catalog.working_size(record), path)


def read_regions(path: Path, catalog: Catalog, record: ImageRecord) -> np.ndarray:
    """Indices of segments: uint16 (H, W) at the working size, 0 where there is none.

    Of a grey PNG of 8 or 16 bits, or an npy or npz with one array of integers, of the size of the
    photograph. Raises BesError as `read_boundary` does.
    """
    from PIL import Image

    found, size = _one_map(path), catalog.working_size(record)
    if found.dtype.kind not in "ui" or found.min(initial=0) < 0 or found.max(initial=0) > 65535:
        raise BesError(
            f"{path}: found {_range(found)} of {found.dtype}, expected integers from 0 to 65535"
        )
    if found.shape not in ((record.height, record.width), size):
        raise BesError(
            f"{path}: found segments of {_size(found.shape)}, expected the "
            f"{record.width}x{record.height} of the photograph"
        )
    regions = found.astype(np.uint16)
    if regions.shape == size:
        return regions
    resized = Image.fromarray(regions).resize((size[1], size[0]), Image.Resampling.NEAREST)
    return np.array(resized).astype(np.uint16)


def read_arrays(path: Path) -> np.ndarray | dict[Any, Any]:
    """What is in a PNG, npy or npz: an array, or arrays by their names; a pickle is not run."""
    if path.suffix.lower() == ".png":
        return read_grey(path)
    content = read_bytes(path)
    expected = "an npz of arrays" if path.suffix.lower() == ".npz" else "an npy with an array"
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    # Damage surfaces as whatever zipfile or numpy's header parser stumbles over.
    except Exception as error:
        if "allow_pickle" not in str(error) or path.suffix.lower() == ".npz":
            raise BesError(f"{path}: damaged ({one_line(error)}), expected {expected}") from None
    return read_pickled(content, path, what="a dict of maps", expected=DICT, check=_check_dict)


def _check_dict(value: Any) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"a value of type {type(value).__name__}")


def _one_map(path: Path) -> np.ndarray:
    """The only array of a file, (H, W); an axis of length 1 before these is dropped."""
    content = read_arrays(path)
    if isinstance(content, dict):
        arrays = [value for value in content.values() if isinstance(value, np.ndarray)]
        if len(content) != 1 or len(arrays) != 1:
            raise BesError(f"{path}: found {_names(content)}, expected one array")
        content = arrays[0]
    if content.ndim == 3 and len(content) == 1:
        content = content[0]
    if content.ndim != 2 or 0 in content.shape:
        raise BesError(f"{path}: found an array of shape {content.shape}, expected (H, W)")
    return content


def _of_array(
    array: np.ndarray, catalog: Catalog, present: Sequence[int], path: Path
) -> list[np.ndarray]:
    every = len(catalog.classes)
    maps = array[None] if array.ndim == 2 else array
    if maps.ndim == 3 and 0 not in maps.shape[1:] and len(maps) == len(present):
        return list(maps)
    if maps.ndim == 3 and 0 not in maps.shape[1:] and len(maps) == every:
        return [maps[index - 1] for index in present]
    raise BesError(
        f"{path}: found an array of shape {array.shape}, expected maps of the {len(present)} "
        f"classes present, ({len(present)}, H, W), or of all, ({every}, H, W)"
    )


def _of_stage(
    content: Mapping[str, Any], catalog: Catalog, present: Sequence[int], path: Path
) -> list[np.ndarray]:
    """Of the form of this workflow's own map files."""
    known = {index: str(index) for index in range(1, len(catalog.classes) + 1)}
    return _chosen(content["classes"], content["maps"], known, catalog, present, path)


def _of_dict(
    content: Mapping[Any, Any], catalog: Catalog, present: Sequence[int], path: Path
) -> list[np.ndarray]:
    known = {value - 1: "" for value in catalog.mask_values}
    number = {index: value - 1 for index, value in enumerate(catalog.mask_values, 1)}
    if "keys" in content:
        name = next((name for name in SCORES if name in content), None)
        if name is None:
            raise BesError(
                f"{path}: found {_names(content)}, expected `keys` and one of {', '.join(SCORES)}"
            )
        keys, maps = content["keys"], content[name]
    else:
        keys, maps = list(content), list(content.values())
    return _chosen(keys, maps, known, catalog, [number[index] for index in present], path)


def _chosen(
    keys: Any,
    maps: Any,
    known: Mapping[int, str],
    catalog: Catalog,
    wanted: Sequence[int],
    path: Path,
) -> list[np.ndarray]:
    """The maps of the classes wanted, among those of `keys`, which `known` lists."""
    names = ", ".join(
        f"{number} {name}" for number, name in zip(known, catalog.classes, strict=True)
    )
    try:
        arrays = [np.asarray(each) for each in maps]
        numbers = np.asarray(keys).ravel().tolist()
        there = len(set(numbers))
    # Of a dict that somebody made: rows of several lengths, None, a dict in place of a list.
    except (TypeError, ValueError) as error:
        raise BesError(
            f"{path}: found classes and maps that are no arrays ({error}), expected the classes "
            "as numbers and one (H, W) for each"
        ) from None
    if there < len(numbers):
        raise BesError(f"{path}: found maps of the classes {numbers}, expected each class once")
    if len(numbers) != len(arrays) or any(e.ndim != 2 or 0 in e.shape for e in arrays):
        shapes = ", ".join(str(each.shape) for each in arrays[:3])
        raise BesError(
            f"{path}: found maps of shape {shapes or 'none'} for {len(numbers)} classes, expected "
            "one (H, W) for each"
        )
    found = ", ".join(map(str, numbers)) or "none"
    if strange := [each for each in numbers if each not in known]:
        raise BesError(f"{path}: found the class {strange[0]}, expected one of {names}")
    if lacking := [each for each in wanted if each not in numbers]:
        name = catalog.classes[list(known).index(lacking[0])]
        raise BesError(
            f"{path}: found maps of the classes {found}, expected that of {name}, {lacking[0]}, "
            f"which is present, too; the classes are {names}"
        )
    return [arrays[numbers.index(each)] for each in wanted]


def _unit(values: np.ndarray, path: Path) -> np.ndarray:
    """Scores as float32 in [0, 1]; 8 and 16 bits are shares of 255 and 65535."""
    if values.dtype in (np.uint8, np.uint16):
        return values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
    if values.dtype.kind not in "fuib":
        raise BesError(f"{path}: found values of type {values.dtype}, expected scores from 0 to 1")
    scores = values.astype(np.float32)
    if not np.isfinite(scores).all() or scores.min() < -SLACK or scores.max() > 1 + SLACK:
        raise BesError(f"{path}: found {_range(scores)}, expected scores from 0 to 1")
    return scores.clip(0, 1)


def _resized(scores: np.ndarray, size: tuple[int, int], path: Path) -> np.ndarray:
    """Scores (h, w) at another size of the same shape."""
    (height, width), (h, w) = size, scores.shape
    if abs(w - width * h / height) > 1 and abs(h - height * w / width) > 1:
        raise BesError(
            f"{path}: found a map of {_size(scores.shape)}, expected {width}x{height} like the "
            "photograph, or that made smaller or larger"
        )
    if (h, w) == size:
        return scores
    how = cv2.INTER_AREA if h > height and w > width else cv2.INTER_LINEAR
    return cv2.resize(scores, (width, height), interpolation=how)


def _cells(
    scores: np.ndarray,
    size: tuple[int, int],
    path: Path,
    merge: Callable[[np.ndarray], np.ndarray],
) -> np.ndarray:
    """Scores (h, w) at a quarter of a size; those that are at it already stay as they are."""
    height, width = (-(-length // STRIDE) for length in size)
    if scores.shape == (height, width):
        return scores
    full = _resized(scores, size, path)
    margin = ((0, height * STRIDE - size[0]), (0, width * STRIDE - size[1]))
    return merge(np.pad(full, margin, "edge").reshape(height, STRIDE, width, STRIDE))


def _mean_of_cells(pixels: np.ndarray) -> np.ndarray:
    return pixels.mean((1, 3))


def _highest_of_cells(pixels: np.ndarray) -> np.ndarray:
    return pixels.max((1, 3))


def _range(values: np.ndarray) -> str:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return "values that are no numbers"
    return f"values from {values.min():g} to {values.max():g}"


def _size(shape: Sequence[int]) -> str:
    return "x".join(str(length) for length in reversed(shape))


def _names(content: Mapping[Any, Any]) -> str:
    return ", ".join(f"`{name}`" for name in content) or "no array"
