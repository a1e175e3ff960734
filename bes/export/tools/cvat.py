"""Format `cvat`: what CVAT calls "Segmentation mask 1.1", with the photographs and its labels."""

import io
import json
import zipfile

from bes.export.contents import Contents
from bes.export.labelmap import LABELMAP, labelmap
from bes.export.names import check_images
from bes.export.reserved import drawn_names, hex_colour

LABELS, OBJECTS = "SegmentationClass", "SegmentationObject"
LISTS = "ImageSets/Segmentation"
LIST = f"{LISTS}/default.txt"


def write(contents: Contents) -> None:
    """`JPEGImages`, `labels.json` for the constructor of a task, and `annotations.zip` to upload;
    the tree that is in the latter also lies beside it, for datumaro.

    All pixels of a class are one object. Void is a label, as CVAT knows no pixels that do not
    count. Raises UnfitName for a name that `labelmap.txt` or a list would cut.
    """
    names, colours = drawn_names(contents.catalog.classes), labelmap(contents.catalog.classes)
    check_images(
        contents.train,
        lambda name: name.startswith("#"),
        "one without '#' at its start, which a list of CVAT passes over",
    )
    contents.place_photographs(contents.train, "JPEGImages")
    for folder in (LABELS, OBJECTS):
        contents.place_labels(contents.train, folder)
    contents.write_lines(LIST, (record.id for record in contents.train))
    contents.write(LABELMAP, colours)
    labels = [{"name": name, "color": hex_colour(index)} for index, name in names.items()]
    contents.write("labels.json", json.dumps(labels, ensure_ascii=False, indent=1) + "\n")
    contents.write("annotations.zip", _packed(contents))


def _packed(contents: Contents) -> bytes:
    """A zip of all but the photographs; equal files give equal bytes."""
    packed = io.BytesIO()
    files = [contents.folder / LABELMAP, contents.folder / LIST]
    files += [
        contents.folder / folder / f"{record.id}.png"
        for folder in (LABELS, OBJECTS)
        for record in contents.train
    ]
    with zipfile.ZipFile(packed, "w") as archive:
        for path in files:
            name = path.relative_to(contents.folder).as_posix()
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return packed.getvalue()
