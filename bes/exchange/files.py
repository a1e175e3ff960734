"""Which tool wrote a file or folder, and the drawings in it."""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

from bes.data.text_files import read_text
from bes.errors import BesError
from bes.exchange.coco import read_coco
from bes.exchange.cvat_xml import read_cvat
from bes.exchange.drawing import Drawing, Names, names_of
from bes.exchange.label_studio import read_label_studio
from bes.exchange.labelme import read_labelme
from bes.exchange.masks import read_coloured, read_indexed
from bes.export.labelmap import LABELMAP

EXPECTED = (
    "a folder, file or zip of CVAT, Label Studio (export 'JSON'), labelme or COCO, or PNGs with "
    "label indices"
)


def read_drawings(path: Path, classes: tuple[str, ...]) -> list[Drawing]:
    """The drawings in a file, or in a folder and those below.

    Raises BesError where there are none, and for a file that is damaged as a whole.
    """
    if not path.exists():
        raise BesError(f"{path}: no such file or folder, expected {EXPECTED}")
    files = [path] if path.is_file() else _below(path)
    names = names_of(classes)
    tables = [file for file in files if file.name == LABELMAP]
    found = [drawing for table in tables for drawing in read_coloured(table, names)]
    # What lies beside masks says the same, or which labels there are.
    for file in files if not tables else ():
        if file.suffix.lower() == ".xml":
            root = _read_xml(file)
            if root.tag == "annotations":
                found += read_cvat(file, root, names)
        elif file.suffix.lower() == ".json":
            found += _read_json(file, names)
    if not found and not tables:
        found += read_indexed([file for file in files if file.suffix.lower() == ".png"], classes)
    if not found:
        raise BesError(f"{path}: found no labels, expected {EXPECTED}")
    return found


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """The folder that a zip has, for a while; anything else as it is.

    Raises BesError for a zip that cannot be read.
    """
    if path.suffix.lower() != ".zip" or not path.is_file():
        yield path
        return
    with TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                archive.extractall(folder)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
            raise BesError(f"{path}: damaged or locked ({error}), expected a whole zip") from None
        yield Path(folder)


def _below(folder: Path) -> list[Path]:
    """The files below a folder, without those that systems hide in it."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(
            part.startswith(".") or part == "__MACOSX" for part in path.relative_to(folder).parts
        )
    ]


def _read_json(path: Path, names: Names) -> Iterator[Drawing]:
    try:
        content = json.loads(read_text(path, "a JSON"))
    except ValueError as error:
        raise BesError(f"{path}: damaged ({error}), expected a JSON") from None
    if isinstance(content, list) and content and all(isinstance(c, dict) for c in content):
        if "data" in content[0]:
            yield from read_label_studio(path, content, names)
    elif isinstance(content, dict) and "shapes" in content:
        yield from read_labelme(path, content, names)
    elif isinstance(content, dict) and {"images", "annotations"} <= content.keys():
        yield from read_coco(path, content, names)


def _read_xml(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise BesError(f"{path}: damaged ({error}), expected an XML") from None
