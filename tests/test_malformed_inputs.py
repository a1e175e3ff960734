"""Whatever is wrong with an input, `bes` ends with 2 and a sentence, and nothing is half written.

A case is an input with one fault, and the sentence that it must end in: which file, row or key,
what was found, what was expected. What is checked of all of them is in `Refused`.
"""

import errno
import gzip
import hashlib
import io
import json
import os
import pickle
import re
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
import scipy.io
import yaml
from packed import npy, tar_of, zip_of
from PIL import Image
from small_datasets import MORE, TRAIN, VAL, Coco, Folder, Published, boxes
from vouching import vouch_for

from bes.cli import main
from bes.data import voc12
from bes.data.download import Archive
from bes.data.file_names import NOT_READ
from bes.data.images import encode_labels, encode_maps
from bes.errors import BesError
from bes.project.settings import load_project
from bes.storage.layout import model_receipt
from bes.storage.receipts import write_receipt
from bes.storage.sealed import write_sealed


class Refused:
    """Runs `bes` where something is wrong, and checks all that holds for any fault."""

    def __init__(self, base: Path, capfd: pytest.CaptureFixture[str]):
        self.base, self.capfd = base, capfd

    def __call__(self, *words: object, by_hand: bool = False, voids: str = "") -> list[str]:
        """The sentences that the command ends in; of several problems without the heading.

        `voids` is the receipt that it removes, if it does.
        """
        self.capfd.readouterr()
        before = files_in(self.base)
        status, stderr = (self._process if by_hand else self._call)([str(word) for word in words])
        assert status == 2, stderr
        assert "Traceback" not in stderr
        # No harm done by what an input holds, no result, no part of one.
        if voids:
            del before[voids]
        assert files_in(self.base) == before
        _, *messages = re.split(r"^bes(?: \w+)?: (?:error: )?", stderr, flags=re.MULTILINE)
        assert len(messages) == 1, stderr
        heading, *problems = messages[0].splitlines()
        if not problems:
            return [heading]
        assert re.search(rf"\b{len(problems)} (problems|leaks?)\b", heading), heading
        return problems

    def _call(self, words: list[str]) -> tuple[object, str]:
        try:
            status: object = main(words)
        except SystemExit as ended:  # by the parser of the flags
            status = ended.code
        return status, self.capfd.readouterr().err

    def _process(self, words: list[str]) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "bes", *words], capture_output=True, text=True, timeout=120
        )
        return done.returncode, done.stderr


def files_in(folder: Path) -> dict[str, tuple[int, int]]:
    """The files below a folder with size and date, locks aside."""
    stats = {path: path.lstat() for path in folder.rglob("*") if path.suffix != ".lock"}
    return {
        str(path.relative_to(folder)): (found.st_size, found.st_mtime_ns)
        for path, found in stats.items()
        if not stat.S_ISDIR(found.st_mode)
    }


@pytest.fixture
def refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Refused:
    return Refused(tmp_path, capfd)


def assert_one(found: list[str], sentence: str) -> None:
    """One problem, and it is this."""
    (one,) = found
    assert re.search(sentence, one), one


# Photographs, masks and label tables of a folder


class Fault(NamedTuple):
    """What is done to a folder without faults, and the sentence that it must end in."""

    spoil: Callable[[Folder], object]
    sentence: str
    flags: tuple[str, ...] = ()


def encoded(image: Image.Image, kind: str, **save: Any) -> bytes:
    content = io.BytesIO()
    image.save(content, kind, **save)
    return content.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def png(width: int, height: int, *chunks: bytes) -> bytes:
    """A PNG that says it has this size, whatever it holds."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *chunks, chunk(b"IEND", b"")])


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8))
JPEG, PNG = encoded(NOISE, "JPEG"), encoded(NOISE, "PNG")
TEXT_BOMB = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(80_000_000)))


def photograph(content: bytes, found: str) -> Fault:
    return Fault(
        lambda f: f.write("JPEGImages/0.jpg", content), rf"JPEGImages/0\.jpg: {found}.*, expected "
    )


def lose(folder: Folder, name: str) -> Path:
    (folder.root / name).unlink()
    return folder.root / name


NOT_THERE = r"labels\.csv: row 2: found no photograph of '0' below .*JPEGImages$"
CLOSED = r"labels\.csv: row 2: found JPEGImages/0\.jpg, which cannot be opened"
PHOTOGRAPHS = {
    "JPEG cut in its tables": photograph(JPEG[:100], "a damaged picture"),
    "JPEG cut near its end": photograph(JPEG[:-100], "a damaged picture"),
    "JPEG cut in half": photograph(JPEG[: len(JPEG) // 2], "a damaged picture"),
    "PNG that ends with its header": photograph(PNG[:8], "found a file that starts with"),
    "PNG cut in its size": photograph(PNG[:20], "a damaged picture"),
    "PNG cut in half": photograph(PNG[: len(PNG) // 2], "a damaged picture"),
    "PNG with a changed byte": photograph(
        PNG[:100] + bytes([PNG[100] ^ 1]) + PNG[101:], "a damaged picture"
    ),
    "PNG of 900 million pixels": photograph(
        png(30_000, 30_000, chunk(b"IDAT", zlib.compress(bytes(1000)))),
        r"a damaged picture \(Image size \(900000000 pixels\) exceeds limit",
    ),
    "PNG cut in half below 80 MB of text": photograph(
        PNG[:33] + TEXT_BOMB + PNG[33 : len(PNG) // 2], "a damaged picture"
    ),
    "TIFF of three channels of floating-point numbers": photograph(
        cv2.imencode(".tif", np.zeros((24, 32, 3), np.float32))[1].tobytes(),
        "a TIFF that is damaged or of pixels that are not read",
    ),
    "photograph of a kind that is not read": Fault(
        lambda f: (f.root / "JPEGImages/0.jpg").rename(f.root / "JPEGImages/0.JXL"),
        r"row 2: found JPEGImages/0\.JXL, a kind of file that is not read, .*; convert to JPEG$",
    ),
    "no bytes": photograph(b"", "an empty file"),
    "text named .jpg": photograph(b"a photograph", "found a file that starts with b'a photog'"),
    "web page named .jpg": photograph(b"<!DOCTYPE html><html>", "found a file that starts with"),
    "EPS, which Ghostscript would run": photograph(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n(x) run\n",
        "found a file that starts with b'%!PS-Ado'",
    ),
    "PDF": photograph(encoded(NOISE, "PDF"), "found a file that starts with b'%PDF"),
    "TIFF of floating-point numbers": photograph(
        encoded(Image.new("F", (32, 24)), "TIFF"), "pixels of mode F cannot be shown as RGB"
    ),
    "TIFF of 32-bit numbers": photograph(
        encoded(Image.new("I", (32, 24), 1 << 20), "TIFF"), r"pixels of mode I cannot .*1048576"
    ),
    "no file": Fault(lambda f: lose(f, "JPEGImages/0.jpg"), NOT_THERE),
    "folder in its place": Fault(lambda f: lose(f, "JPEGImages/0.jpg").mkdir(), NOT_THERE),
    "link to nowhere": Fault(lambda f: lose(f, "JPEGImages/0.jpg").symlink_to("gone"), CLOSED),
    "link to itself": Fault(lambda f: lose(f, "JPEGImages/0.jpg").symlink_to("0.jpg"), CLOSED),
    "two of one name": Fault(
        lambda f: (
            (f.photograph("JPEGImages/a/0.jpg"), lose(f, "JPEGImages/0.jpg"))
            and f.photograph("JPEGImages/b/0.jpg")
        ),
        r"JPEGImages/b/0\.jpg: found a second file named '0' beside JPEGImages/a/0\.jpg, expected",
    ),
    "folder linked into itself": Fault(
        lambda f: (f.root / "JPEGImages/again").symlink_to(".", target_is_directory=True),
        r"JPEGImages/again: found a link to a folder that it lies in, expected none",
    ),
}


if ".heic" in NOT_READ:
    PHOTOGRAPHS |= {
        "HEIC": Fault(
            lambda f: (f.root / "JPEGImages/0.jpg").rename(f.root / "JPEGImages/0.HEIC"),
            r"row 2: found JPEGImages/0\.HEIC, a kind .*; convert to JPEG, or install `pillow-h",
        ),
        "HEIC named .jpg": photograph(
            b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "found a HEIC picture"
        ),
    }


def mask(content: bytes, found: str) -> Fault:
    return Fault(
        lambda f: f.write("SegmentationClass/2.png", content),
        rf"SegmentationClass/2\.png: {found}.*, expected ",
    )


LABELS = encode_labels(np.zeros((24, 32), np.uint8))
MASKS = {
    **{
        f"mask of {found}": mask(encoded(Image.new(mode, (32, 24)), "PNG"), f"a mask of {found}")
        for mode, found in {
            "RGB": "RGB colours",
            "RGBA": "RGB colours with alpha",
            "LA": "grey with alpha",
            "I;16": "16-bit grey",
            "1": "1-bit pixels",
        }.items()
    },
    "mask cut short": mask(LABELS[:-30], "a damaged picture"),
    "mask without bytes": mask(b"", "an empty file"),
    "mask that is a JPEG": mask(encoded(Image.new("L", (32, 24)), "JPEG"), "found a file that sta"),
    "mask of another size": Fault(
        lambda f: f.mask("SegmentationClass/2.png", [0, 1], size=(16, 24)),
        r"2\.png: found a mask of 16x24 pixels, expected 32x24 like JPEGImages/2\.jpg",
    ),
    "mask on its side beside a photograph that EXIF turns": Fault(
        lambda f: f.write("JPEGImages/0.jpg", encoded(NOISE, "JPEG", exif=TURNED)),
        r"0\.png: found a mask of 32x24 pixels, expected 24x32 like .* as it is displayed",
    ),
    "mask with the value of no class": Fault(
        lambda f: f.mask("SegmentationClass/2.png", [0, 1, 7]),
        r"2\.png: found the mask value 7, expected 0, 255 or the value of a class: 1, 2; if the .*"
        r"give `classes: \[cat=8, dog=12\]`$",
    ),
    "masks of two colours": Fault(
        lambda f: [f.mask(f"SegmentationClass/{i}.png", [0, 255]) for i in range(6)],
        r"0\.png: found 0 and 255 alone in it, and no class in any of the 6 masks, expected 1 for "
        "'cat', 2 for 'dog'; 255 is void",
    ),
    "masks that are not there": Fault(
        lambda f: None, r"dataset\.masks: found nothing at .*/truth, expected", ("--masks", "truth")
    ),
}
TURNED = Image.Exif()
TURNED[0x0112] = 6

CORRECTED = ("--corrections", "corrected")
CORRECTIONS = {
    "correction with the value of no class": Fault(
        lambda f: f.mask("corrected/1.png", [7]),
        r"corrected/1\.png: found the label 7, expected 0, 255 or .*: 1 cat, 2 dog$",
        CORRECTED,
    ),
    "correction with the value of its class in the masks": Fault(
        lambda f: (
            [f.mask(f"SegmentationClass/{i}.png", [0, 8, 12]) for i in range(6)],
            f.mask("corrected/1.png", [12]),
        ),
        r"corrected/1\.png: found the label 12, expected 0, 255 or .*: 1 cat, 2 dog$",
        (*CORRECTED, "--classes", "cat=8", "dog=12"),
    ),
    "correction with a class that its row does not name": Fault(
        lambda f: f.mask("corrected/1.png", [0, 1, 2]),
        r"corrected/1\.png: found the label 1 \(cat\), expected .* names for '1': 2 dog$",
        CORRECTED,
    ),
    "correction with a class of a photograph without labels": Fault(
        lambda f: (
            f.write("labels.csv", "image,labels\n0.jpg,cat\n1.jpg,\n4.jpg,dog\n"),
            f.mask("corrected/1.png", [0, 2]),
        ),
        r"corrected/1\.png: found the label 2 \(dog\), expected .* names for '1': none$",
        (*CORRECTED, "--train", "", "--val", ""),
    ),
    "correction of another size": Fault(
        lambda f: f.mask("corrected/1.png", [0], size=(24, 32)),
        r"corrected/1\.png: found a mask of 24x32 pixels, expected 32x24 like JPEGImages/1\.jpg",
        CORRECTED,
    ),
    "correction in colours": Fault(
        lambda f: Image.new("RGB", (32, 24)).save(f.path("corrected/1.png")),
        r"corrected/1\.png: a mask of RGB colours, expected label indices",
        CORRECTED,
    ),
    "two corrections of one photograph": Fault(
        lambda f: [f.mask(f"corrected/{part}/1.png", [0]) for part in "ab"],
        r"corrected/b/1\.png: found a second correction of '1' beside corrected/a/1\.png, expected",
        CORRECTED,
    ),
    "corrections that are not there": Fault(
        lambda f: None, r"dataset\.corrections: found no folder .*/corrected, expected", CORRECTED
    ),
    "corrections that are no folder": Fault(
        lambda f: f.write("corrected", ""),
        r"dataset\.corrections: found a file .*/corrected, expected a folder",
        CORRECTED,
    ),
}


def table(content: str | bytes, sentence: str, *flags: str) -> Fault:
    return Fault(lambda f: f.write("labels.csv", content), rf"labels\.csv: {sentence}", flags)


def more(row: str, sentence: str, *flags: str) -> Fault:
    """A row after the seven of the table."""

    def spoil(folder: Folder) -> None:
        path = folder.root / "labels.csv"
        path.write_bytes(path.read_bytes() + row.encode() + b"\n")

    return Fault(spoil, rf"labels\.csv: row 8: {sentence}", flags)


CLASSES = ("--classes", "cat", "dog")
UNSPLIT = ("--train", "", "--val", "")
TABLES = {
    "no table": Fault(
        lambda f: lose(f, "labels.csv"), r"labels\.csv: no such file, expected a CSV|dataset"
    ),
    "table without bytes": table("", "row 1: found '', expected image,labels"),
    "table without a header": table("0.jpg,cat\n", r"row 1: found '0\.jpg,cat', expected image,la"),
    "table with other columns": table(
        "file,class\n0.jpg,cat\n", "row 1: found 'file,class', expected image,labels"
    ),
    "table with a column for each class": table(
        "image;cat;dog\n0.jpg;1;0\n", "row 1: found 'image,cat,dog', .*name those it shows in one"
    ),
    "workbook of a spreadsheet": table(
        zip_of({"xl/workbook.xml": b"<workbook/>"}),
        "found a workbook, expected a CSV",
    ),
    "image in capitals": Fault(
        lambda f: (
            f.write("labels.csv", "image,labels\nTHE CAT.jpg,cat\n")
            or f.photograph("JPEGImages/the_cat.jpg")
        ),
        "row 2: found no photograph of 'THE CAT' below .*; did you mean 'the_cat'",
        UNSPLIT,
    ),
    "table of vectors": table(
        'image,labels\n0.jpg,1 0\n1.jpg,"0 1"\n', "found 0, 1 as the only labels, exp", *UNSPLIT
    ),
    "table of shares": table(
        "image,labels\n0.jpg,0.7 0.3\n", r"found 0\.3, 0\.7 as the only labels, exp", *UNSPLIT
    ),
    "table of lists": table(
        "image,labels\n0.jpg,\"['cat', 'dog']\"\n", r"row 2: found the label \"\['cat', .*list"
    ),
    "table of quoted names": table(
        "image,labels\n0.jpg,'cat'\n", r"row 2: found the label \"'cat'\", expected a name"
    ),
    "class in letters that look the same": table(
        "image,labels\n0.jpg,c\u0430t\n",
        r"row 2: found class 'c\u0430t' \('c\\u0430t'\), expected one of .*; did you mean 'cat'",
        *CLASSES,
        *UNSPLIT,
    ),
    "class in capitals": table(
        "image,labels\n0.jpg,CAT\n", "row 2: found class 'CAT', .*mean 'cat'", *CLASSES, *UNSPLIT
    ),
    "background in capitals": more("9.jpg,Background", "found the label 'Background', expected"),
    "row with more than the header names": more(
        "0.jpg,cat,,dog", "found 4 columns, expected 2; separate labels"
    ),
    "table of a header alone": table(
        "image,labels\n", "found no class, expected one or more", *UNSPLIT
    ),
    "table in Latin-1": table(
        "image,labels\n0.jpg,caf\u00e9\n".encode("latin-1"),
        "not a CSV in UTF-8 or UTF-16 .*0xe9.*; save it in one of these",
    ),
    "table in UTF-16 that is cut off": table(
        "image,labels\n0.jpg,cat\n".encode("utf-16")[:-1], "not a CSV in UTF-8 .*truncated data"
    ),
    "table with a NUL": table(
        "image,labels\n0.jpg,c\0at\n", r"row 2: found the label 'c\\x00at', expected", *UNSPLIT
    ),
    "table with a quote that does not end": table(
        'image,labels\n0.jpg,"cat\n1.jpg,dog\n', "line 3: not a CSV .*unexpected end"
    ),
    "row of three columns": more("0.jpg,cat,dog", "found 3 columns, expected 2; separate labels"),
    "row of one column": more("0.jpg", "found 1 columns, expected 2"),
    "row without an image": more(",cat", "found the image name '', expected a file name"),
    "row with an ending alone": more(".jpg,cat", r"found the image name '\.jpg', expected a file"),
    "image that is listed twice": more("0.jpg,cat", "found '0' again, first in row 2; expected"),
    "image twice in two folders": more("a/0.jpg,cat", "found '0' again, first in row 2; expected"),
    "path out of the folder": more(
        "../../etc/passwd,cat", r"found no photograph of '\.\./\.\./etc/passwd' below"
    ),
    "absolute path": more("/etc/passwd,cat", "found no photograph of '/etc/passwd' below"),
    "photograph in another folder": Fault(
        lambda f: (f.photograph("JPEGImages/here/6.jpg"), f.write("labels.csv", ELSEWHERE)),
        r"row 2: found no photograph of 'elsewhere/6' below",
        UNSPLIT,
    ),
    "class with a slip": table(
        "image,labels\n0.jpg,dogg\n",
        "row 2: found class 'dogg', expected one of cat, dog; did you mean 'dog'",
        *CLASSES,
        *UNSPLIT,
    ),
    "class that is like none": table(
        "image,labels\n0.jpg,xylophone\n",
        "row 2: found class 'xylophone', expected one of cat, dog$",
        *CLASSES,
        *UNSPLIT,
    ),
    "background as a label": more(
        "9.jpg,background", "found the label 'background', expected foreground classes alone"
    ),
    "more classes than a label has values": table(
        "image,labels\n0.jpg," + " ".join(f"c{i}" for i in range(300)) + "\n",
        "found 300 classes, expected at most 254",
        *UNSPLIT,
        "--masks",
        "",
    ),
    "class given twice": Fault(
        lambda f: None, "classes: found the name cat twice", ("--classes", "cat", "cat")
    ),
    "value given twice": Fault(
        lambda f: None, "classes: found the value 1 twice", ("--classes", "cat=1", "dog=1")
    ),
    "class with the value of the void": Fault(
        lambda f: None, "found 'cat=255', expected name=value .* 1 to 254", ("--classes", "cat=255")
    ),
    "class with the value of the background": Fault(
        lambda f: None, "found 'cat=0', expected name=value", ("--classes", "cat=0")
    ),
    "class with a value that is no number": Fault(
        lambda f: None, "found 'cat=\u00b2', expected name=value", ("--classes", "cat=\u00b2")
    ),
    "background as a class": Fault(
        lambda f: None,
        "classes: found 'background', expected foreground",
        ("--classes", "background", "cat"),
    ),
    "class with a separator": Fault(
        lambda f: None, "classes: found the name 'cat;dog'", ("--classes", "cat;dog")
    ),
    "root that is not there": Fault(
        lambda f: f.root.rename(f.root.parent / "x"), r"dataset\.root: found no folder .*photograph"
    ),
    "photographs that are not there": Fault(
        lambda f: None,
        r"dataset\.photographs: found nothing at .*/Images, expected it to exist",
        ("--photographs", "Images"),
    ),
}
ELSEWHERE = "image,labels\nelsewhere/6.jpg,cat\n"


def lines(sentence: str, *rows: object) -> Fault:
    content = "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    return Fault(
        lambda f: f.write("labels.jsonl", content),
        rf"labels\.jsonl: {sentence}",
        ("--labels", "labels.jsonl", *UNSPLIT, "--masks", ""),
    )


CAT = {"image": "0.jpg", "labels": ["cat"]}
JSON_LINES = {
    "list over several lines": lines("line 1: not JSON .*expected a line such as", "[", "{}]"),
    "line cut short": lines("line 2: not JSON .*expected", CAT, '{"image": "1.jpg", "lab'),
    "line of many brackets": lines("line 1: not JSON .*expected", "[" * 100_000),
    "labels as text": lines("line 1: found .*, expected such as", CAT | {"labels": "cat"}),
    "labels that are numbers": lines("line 1: found .*, expected such as", CAT | {"labels": [1]}),
    "line without labels": lines("line 1: found .*, expected such as", {"image": "0.jpg"}),
    "line that is no object": lines(r"line 2: found \[\"0.*, expected", CAT, ["0.jpg", "cat"]),
    "label with a semicolon": lines(
        "line 1: found the label 'cat;dog', expected a name without ;",
        CAT | {"labels": ["cat;dog"]},
    ),
    "label with half a character": lines(
        r"line 1: found the label '\\ud800', expected", CAT | {"labels": ["\ud800"]}
    ),
    "label with a NUL": lines(
        r"line 1: found the label 'c\\x00', expected a name without ; and control characters",
        CAT | {"labels": ["c\0"]},
    ),
    "image with a NUL": lines(r"line 1: found the image name 'a\\x00", CAT | {"image": "a\0.jpg"}),
    "line that comes twice": lines("line 2: found '0' again, first in line 1", CAT, CAT),
    "line of no photograph": lines(
        "line 1: found no photograph of '9' below", CAT | {"image": "9.jpg"}
    ),
}


def sort_into_folders(folder: Folder) -> None:
    """The photographs in `sorted/cat` and `sorted/dog`, 2.jpg in both."""
    for name, labels in folder.rows.items():
        for label in labels.split():
            shutil.copy(folder.root / f"JPEGImages/{name}", folder.path(f"sorted/{label}/{name}"))
    shutil.rmtree(folder.root / "JPEGImages")


def sorted_(spoil: Callable[[Folder], object], sentence: str, *flags: str) -> Fault:
    return Fault(
        lambda f: (sort_into_folders(f), spoil(f)), sentence, ("--labels", "sorted", *flags)
    )


CLASS_FOLDERS = {
    "another photograph of the same name": sorted_(
        lambda f: f.photograph("sorted/dog/0.jpg", size=(16, 16)),
        r"sorted/dog/0\.jpg: found another photograph than sorted/cat/0\.jpg under its name, expec",
    ),
    "same photograph with another ending": sorted_(
        lambda f: f.photograph("sorted/dog/0.png"), r"sorted/dog/0\.png: found another photograph"
    ),
    "folder of an unknown class": sorted_(
        lambda f: None,
        r"sorted/dog: found a folder of class 'dog', expected one of cat, dogs",
        "--classes",
        "cat",
        "dogs",
    ),
    "folder with a semicolon": sorted_(
        lambda f: f.photograph("sorted/a;b/9.jpg"), "found the label 'a;b', expected a name without"
    ),
    "folders of the splits": Fault(
        lambda f: [f.photograph(f"sorted/{split}/cat/{split}.jpg") for split in ("train", "Val")],
        "sorted: found the folders Val, train, expected one for each class; give one of these",
        ("--labels", "sorted"),
    ),
    "folders of classes in one folder": Fault(
        lambda f: [f.photograph(f"sorted/all/{name}/{name}.jpg") for name in ("cat", "dog")],
        "sorted: found one folder, all, with the folders cat, dog in it, expected one for each "
        "class; give sorted/all as `labels`",
        ("--labels", "sorted"),
    ),
    "folders without photographs": Fault(
        lambda f: f.write("sorted/cat/readme.txt", ""),
        r"sorted: found no folder with photographs in it, expected one for each class",
        ("--labels", "sorted"),
    ),
    "photographs elsewhere than in the folders of the classes": sorted_(
        lambda f: None, r"dataset\.photographs: found '\.' beside .*'sorted'", "--photographs", "."
    ),
    "photographs in no folder of a class": Fault(
        lambda f: None, "JPEGImages: found no folder with photographs", ("--labels", "JPEGImages")
    ),
}


def listed(split: str, content: str | bytes, sentence: str) -> Fault:
    name = f"ImageSets/Segmentation/{split}.txt"
    return Fault(lambda f: f.write(name, content), rf"{split}\.txt: {sentence}")


LISTS = {
    "image that nobody knows": listed(
        "val", "4\n77\n", "line 2: found '77', expected an image of labels"
    ),
    "image in two lists": listed("val", "4\n3\n", "line 2: found '3', which is listed before"),
    "image twice in a list": listed("val", "4\n4\n", "line 2: found '4', which is listed before"),
    "list in Latin-1": listed("val", b"4\n\xe9\n", "not a list in UTF-8 .*0xe9"),
    "nothing to train on": Fault(
        lambda f: f.write("ImageSets/Segmentation/train.txt", "\n"),
        "photographs: found no training photograph, expected one or more",
    ),
    "list that is not there": Fault(
        lambda f: None,
        r"dataset\.train: found nothing at .*/train\.txt, expected",
        ("--train", "train.txt"),
    ),
    "list that is a folder": Fault(
        lambda f: None,
        r"JPEGImages: cannot be read \(.*\), expected a list",
        ("--train", "JPEGImages"),
    ),
}

FOLDERS = {
    **PHOTOGRAPHS,
    **MASKS,
    **CORRECTIONS,
    **TABLES,
    **JSON_LINES,
    **CLASS_FOLDERS,
    **LISTS,
}


@pytest.mark.parametrize("case", FOLDERS)
def test_a_folder(folder: Folder, refused: Refused, case: str) -> None:
    fault = FOLDERS[case]
    fault.spoil(folder)
    assert_one(refused(*dataset(folder), *fault.flags), fault.sentence)
    assert not folder.out.exists()


def dataset(folder: Any, *, kind: str = "folder") -> list[object]:
    """`bes dataset`, in this process."""
    words = ["dataset", "--kind", kind, "--root", folder.root, "--out", folder.out]
    return [*words, "--threads", 1]


def test_a_photograph_that_may_not_be_read(
    folder: Folder, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:  # as root may read everything
        if path.name == "0.jpg":
            raise PermissionError(errno.EACCES, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    sentence = r"JPEGImages/0\.jpg: cannot be read \(Permission denied\)"
    assert_one(refused(*dataset(folder)), sentence)


def test_every_problem_has_its_line(folder: Folder, refused: Refused) -> None:
    folder.write("JPEGImages/0.jpg", "no picture")
    folder.mask("SegmentationClass/1.png", [9])
    folder.mask("SegmentationClass/2.png", [0], size=(4, 4))
    with open(folder.root / "labels.csv", "a") as file:
        file.write("0.jpg,cat\n8.jpg,cat\n")
    found = refused(*dataset(folder), *CLASSES)
    assert [re.search(r"(\w+\.\w+):( row \d+)?", line)[0] for line in found] == [
        "labels.csv: row 8",
        "labels.csv: row 9",
        "0.jpg:",
        "1.png:",
        "2.png:",
    ]


# Pickles and archives of NumPy


class Calls:
    """An object whose pickle calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any):
        self.parts = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.parts


def hostile(folder: Path) -> Calls:
    """What makes a file in the folder where it is unpickled."""
    return Calls(os.system, f"touch {folder / 'harm'}")


def test_a_hostile_pickle_does_harm_where_it_is_trusted(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(hostile(tmp_path)))
    assert (tmp_path / "harm").exists()


HIDDEN: dict[str, Callable[[Calls], Any]] = {
    "key": lambda calls: np.array({calls: np.zeros(2)}, dtype=object),
    "value": lambda calls: np.array({"17": calls}, dtype=object),
    "table": lambda calls: calls,
    "vector": lambda calls: np.array({"17": np.array([calls, 0], dtype=object)}, dtype=object),
}
VECTORS = ("--labels", "cls_labels.npy", "--classes", "cat", "dog", *UNSPLIT)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("place", HIDDEN)
def test_no_code_of_cls_labels_runs(
    folder: Folder, refused: Refused, protocol: int, place: str
) -> None:
    content = pickle.dumps(HIDDEN[place](hostile(refused.base)), protocol=protocol)
    folder.write("cls_labels.npy", npy(content))
    assert_one(
        refused(*dataset(folder), *VECTORS),
        r"cls_labels\.npy: found a pickle that calls posix\.system, expected a dict of NumPy "
        "vectors; it was not run",
    )


def vectors(**table: object) -> bytes:
    return npy(pickle.dumps(np.array(table, dtype=object)))


def one_hot(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def archive_of(**arrays: object) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


def array(value: object) -> bytes:
    content = io.BytesIO()
    np.save(content, np.asarray(value), allow_pickle=True)
    return content.getvalue()


CLS_LABELS = {
    "no bytes": (b"", r"not a cls_labels\.npy \(.+\), expected a pickled dict"),
    "text": (b"hello", r"not a cls_labels\.npy \(.+\), expected a pickled dict"),
    "NPY of a later version": (b"\x93NUMPY\x09\x00", r"not a cls_labels\.npy \(.+\), expected"),
    "NPZ": (archive_of(a=[1]), r"not a cls_labels\.npy \(.+\), expected a pickled dict"),
    "plain pickle": (pickle.dumps({"0": one_hot(1, 0)}), r"not a cls_labels\.npy \(.+\), expected"),
    "header alone": (npy(b""), r"not a cls_labels\.npy \(.+\), expected a pickled dict"),
    "cut short": (vectors(a=one_hot(1, 0))[:-9], r"not a cls_labels\.npy \(.+\), expected"),
    "another dtype than its bytes": (
        vectors(a=one_hot(1, 0)).replace(b"f4", b"f8"),
        r"not a cls_labels\.npy \(.+\), expected",
    ),
    "array of numbers": (
        array([[1, 0]]),
        r"not a cls_labels\.npy \(an array of int64, shape \(1, 2",
    ),
    "array of objects": (
        array(np.array([{}, {}], object)),
        r"not a cls_labels\.npy \(an array of object, shape \(2",
    ),
    "lists for vectors": (vectors(a=[1, 0]), r"not a cls_labels\.npy \(a value of type list\)"),
    "names for vectors": (vectors(a=["cat"]), r"not a cls_labels\.npy \(a value of type list\)"),
    "vectors of objects": (
        vectors(a=np.array([1, None], object)),
        r"not a cls_labels\.npy \(.+\), expected",
    ),
    "key that is no name": (
        npy(pickle.dumps(np.array({1.5: one_hot(1, 0)}, object))),
        r"not a cls_labels\.npy \(the key 1\.5\), exp",
    ),
    "path": (vectors(a=Path("x")), r"found a pickle that calls pathlib\.[\w.]+, expected"),
    "vectors of three classes": (
        vectors(a=one_hot(1, 0, 0)),
        "key a: found a vector of 3 values, expected 2, one for each",
    ),
    "matrices": (vectors(a=np.eye(2)), "key a: found a vector of 2x2 values, expected 2"),
    "scores": (vectors(a=one_hot(0.5, 0)), r"key a: found the value 0\.5, expected 0 and 1"),
    "not a number": (vectors(a=one_hot(np.nan, 0)), "key a: found the value nan, expected 0 and 1"),
}


@pytest.mark.parametrize("case", CLS_LABELS)
def test_cls_labels(folder: Folder, refused: Refused, case: str) -> None:
    content, sentence = CLS_LABELS[case]
    folder.write("cls_labels.npy", content)
    assert_one(refused(*dataset(folder), *VECTORS), rf"/cls_labels\.npy: {sentence}")


# PASCAL VOC with SBD


BOMB = (
    '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">'
    + "".join(f'<!ENTITY {chr(c)} "{f"&{chr(c - 1)};" * 10}">' for c in range(ord("c"), ord("k")))
    + "]><annotation><object><name>&j;</name></object></annotation>"
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><annotation>&b;</annotation>'


def annotation(content: str | bytes, sentence: str) -> tuple[Callable[[Published], object], str]:
    path = f"VOCdevkit/VOC2012/Annotations/{TRAIN[0]}.xml"
    return (lambda v: v.write(path, content)), rf"Annotations/{TRAIN[0]}\.xml: {sentence}"


def truth(content: object, sentence: str) -> tuple[Callable[[Published], object], str, str]:
    """SBD's file of a photograph: bytes, or what `scipy.io.savemat` makes of a dict."""

    def spoil(voc: Published) -> None:
        data = io.BytesIO(content if isinstance(content, bytes) else b"")
        if isinstance(content, dict):
            scipy.io.savemat(data, content)
        voc.write(f"benchmark_RELEASE/dataset/cls/{MORE[0]}.mat", data.getvalue())

    return spoil, rf"cls/{MORE[0]}\.mat: {sentence}", "--sbd-masks"


def listing(folder: str, content: str, sentence: str) -> tuple[Callable[[Published], object], str]:
    return (lambda v: v.write(f"{folder}.txt", content)), sentence


VOC_LISTS, SBD_LISTS = "VOCdevkit/VOC2012/ImageSets/Segmentation", "benchmark_RELEASE/dataset"
VOC: dict[str, tuple[Any, ...]] = {
    "annotation without bytes": annotation("", "cannot be read .*no element found.*, expected an"),
    "annotation in another language": annotation("{}", "cannot be read .*, expected an annotation"),
    "annotation cut short": annotation(boxes("dog")[:-20], "cannot be read .*, expected an anno"),
    "annotation with a wrong tag": annotation("<a><b></a>", "cannot be read .*mismatched tag"),
    "annotation in no known encoding": annotation(
        '<?xml version="1.0" encoding="klingon"?><annotation/>', "cannot be read .*, expected an"
    ),
    "annotation with a bomb of entities": annotation(BOMB, "cannot be read .*found a DOCTYPE"),
    "the bomb in UTF-16": annotation(BOMB.encode("utf-16"), "cannot be read .*found a DOCTYPE"),
    "annotation that asks for another file": annotation(OUTSIDE, "cannot be .*found a DOCTYPE"),
    "object without a name": annotation(
        "<annotation><object><pose>x</pose></object></annotation>",
        "found an object of class '', expected one of aeroplane",
    ),
    "object of an unknown class": annotation(boxes("hat"), "found an object of class 'hat', expec"),
    "no annotation": (
        lambda v: (v.root / v.voc / f"Annotations/{VAL[0]}.xml").unlink(),
        rf"Annotations/{VAL[0]}\.xml: cannot be read \(.*No such file.*\), expected an annotation",
    ),
    "no photograph": (
        lambda v: (v.root / v.voc / f"JPEGImages/{MORE[0]}.jpg").unlink(),
        rf"JPEGImages/{MORE[0]}\.jpg: no such photograph, expected one of the train list",
    ),
    "photograph cut short": (
        lambda v: v.write(f"{v.voc}/JPEGImages/{VAL[0]}.jpg", JPEG[:100]),
        rf"JPEGImages/{VAL[0]}\.jpg: a damaged picture",
    ),
    "image twice in a list": listing(
        f"{VOC_LISTS}/val", f"{VAL[0]}\n{VAL[1]}\n{VAL[0]}\n", f"found '{VAL[0]}' in val again, exp"
    ),
    "list of training images cut short": listing(
        f"{VOC_LISTS}/train", f"{TRAIN[1]}\n{TRAIN[0][:-2]}", r"found 5 training images .* SHA-256"
    ),
    "list of SBD with another image": listing(
        f"{SBD_LISTS}/val", "2009_07\n", r"found 4 training images .*, expected 10582 with"
    ),
    "no list of validation images": (
        lambda v: (v.root / VOC_LISTS / "val.txt").unlink(),
        r"val\.txt: no such file, expected a list of images",
    ),
    "list that is not there": (
        lambda v: None,
        r"mine\.txt: no such file, expected a list",
        "--train",
        "mine.txt",
    ),
    "no VOC": (
        lambda v: (v.root / v.voc).rename(v.root / "else"),
        r"dataset\.root: found no PASCAL VOC 2012 in .*, expected .*`download: true`",
    ),
    "no SBD": (
        lambda v: (v.root / "benchmark_RELEASE").rename(v.root / "else"),
        r"dataset\.root: found no SBD in .*, expected",
    ),
    "SBD file without bytes": truth(b"", "not one of SBD's cls/"),
    "SBD file cut short": truth(b"MATLAB 5.0 MAT-file" + bytes(200), "not one of SBD's cls/"),
    "SBD file without its structure": truth({"GTinst": {"Segmentation": 1}}, ".*GTcls"),
    "SBD file without a mask": truth({"GTcls": {"Boundaries": 1}}, ".*Segmentation"),
    "SBD file with a 21st class": truth(
        {"GTcls": {"Segmentation": np.full((10, 12), 21, np.uint8)}},
        r"found a mask of shape \(10, 12\) with values to 21, expected two dimensions",
    ),
}


@pytest.mark.parametrize("case", VOC)
def test_voc(voc: Published, refused: Refused, case: str) -> None:
    spoil, sentence, *flags = VOC[case]
    spoil(voc)
    assert_one(refused(*dataset(voc, kind="voc12"), *flags), sentence)


# COCO


def changed(sentence: str, **changes: object) -> tuple[Callable[[Coco], object], str]:
    """The first annotation with changes."""

    def spoil(coco: Coco) -> None:
        coco.annotations["train"][0] |= changes
        coco.write()

    return spoil, rf"instances_train2014\.json: {sentence}"


def rewritten(sentence: str, **changes: object) -> tuple[Callable[[Coco], object], str]:
    """The annotations of split val with other keys at the top; without those that are None."""

    def spoil(coco: Coco) -> None:
        path = coco.root / "annotations/instances_val2014.json"
        content = json.loads(path.read_bytes()) | changes
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))

    return spoil, rf"instances_val2014\.json: {sentence}"


def annotations(content: str, sentence: str) -> tuple[Callable[[Coco], object], str]:
    path = "annotations/instances_val2014.json"
    return (lambda c: c.path(path).write_text(content)), rf"instances_val2014\.json: {sentence}"


COCO: dict[str, tuple[Callable[[Coco], object], str]] = {
    "no JSON": annotations(
        "{", r"cannot be read \(JSONDecodeError.*, expected COCO's object annot"
    ),
    "JSON of many brackets": annotations("[" * 100_000, r"cannot be read \(Rec.*, expected COCO's"),
    "list": annotations("[]", "cannot be read .*, expected COCO's object annotations"),
    "no categories": rewritten(r"cannot be read \(KeyError: 'categories'\)", categories=None),
    "no images": rewritten(r"cannot be read \(KeyError: 'images'\)", images=None),
    "other categories": rewritten(
        "found 1 classes that differ from the 80", categories=[{"id": 17, "name": "cat"}]
    ),
    "image of no size": rewritten(
        "image 'COCO_val2014_000000000042.jpg': found the size 40x-1, expected",
        images=[
            {"id": 42, "file_name": "COCO_val2014_000000000042.jpg", "height": -1, "width": 40}
        ],
    ),
    "image with a size in words": rewritten(
        "image 'COCO_val2014_000000000042.jpg': found the size 40xtall, expected",
        images=[
            {"id": 42, "file_name": "COCO_val2014_000000000042.jpg", "height": "tall", "width": 40}
        ],
    ),
    "unknown category": changed(r"cannot be read \(KeyError: 12\), expected", category_id=12),
    "unknown image": changed(r"cannot be read \(KeyError: 1\), expected", image_id=1),
    "polygon without corners": changed("annotation 100: cannot be drawn .*, exp", segmentation=[]),
    "polygon of three numbers": changed(
        "annotation 100: cannot be drawn .*, expected polygons or a run", segmentation=[[1, 2, 3]]
    ),
    "run-length encoding without counts": changed(
        "annotation 100: cannot be drawn .*counts", segmentation={"size": [30, 40]}
    ),
    "run-length encoding of another size": changed(
        "annotation 100: cannot be drawn .*, exp", segmentation={"size": [3, 4], "counts": [0, 12]}
    ),
    "run-length encoding that runs out of the picture": changed(
        "annotation 100: cannot be drawn .*, expected polygons or .* within 40x30",
        segmentation={"size": [30, 40], "counts": [0, 5000]},
    ),
    "no photograph": (
        lambda c: (c.root / "train2014/COCO_train2014_000000000009.jpg").unlink(),
        r"COCO_train2014_000000000009\.jpg: no such photograph, expected one of instances",
    ),
    "no folder of photographs": (
        lambda c: (c.root / "train2014").rename(c.root / "elsewhere"),
        r"dataset\.root: found no train2014 in .*, expected it there, or `download: true`",
    ),
}


@pytest.mark.parametrize("case", COCO)
def test_coco(coco: Coco, refused: Refused, case: str) -> None:
    spoil, sentence = COCO[case]
    coco.write()
    spoil(coco)
    assert_one(refused(*dataset(coco, kind="coco14")), sentence)


def test_a_photograph_of_another_size_than_its_annotations(coco: Coco, refused: Refused) -> None:
    coco.write()
    main([*map(str, dataset(coco, kind="coco14"))])
    Image.new("RGB", (31, 17)).save(coco.root / "train2014/COCO_train2014_000000000009.jpg")
    assert_one(
        refused(*dataset(coco, kind="coco14"), voids="dataset/_receipts/whole.json"),
        r"0009\.png: found a mask of 40x30 pixels, expected 31x17 like train2014/",
    )


# Archives that are downloaded


FILES = {"VOCdevkit/VOC2012/a.txt": np.random.default_rng(0).bytes(3000)}
PUBLISHED = "https://example.org/"


def special(**properties: Any) -> bytes:
    """A tar with a member that has these properties."""
    member = tarfile.TarInfo("VOCdevkit/VOC2012/more")
    for name, value in properties.items():
        setattr(member, name, value)
    return tar_of(FILES, member)


def zip_link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def encrypted() -> bytes:
    """A ZIP that says its members are encrypted."""
    content = bytearray(zip_of(FILES))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


HARM = {"VOCdevkit/VOC2012/a.txt": b"", "../../harm": b"1"}
SPECIAL = "cannot be unpacked .*special file"
ARCHIVES = {
    "path above": (
        "a.tgz",
        tar_of(HARM),
        r"cannot be unpacked .*'\.\./\.\./harm' would be extract",
    ),
    "path up and down": (
        "a.tgz",
        tar_of(FILES | {"VOCdevkit/VOC2012/../../../harm": b"1"}),
        "cannot be unpacked .*harm",
    ),
    "absolute path": ("a.tgz", tar_of(FILES | {"/tmp/harm": b"1"}), "cannot be .*absolute path"),
    "link to an absolute path": (
        "a.tgz",
        special(type=tarfile.SYMTYPE, linkname="/etc"),
        "cannot be .*absolute path",
    ),
    "link out of the folder": (
        "a.tgz",
        special(type=tarfile.SYMTYPE, linkname="../../../.."),
        "cannot .*would link to '",
    ),
    "hard link out of the folder": (
        "a.tgz",
        special(type=tarfile.LNKTYPE, linkname="../../etc/passwd"),
        "cannot .*would link to '",
    ),
    "device": ("a.tgz", special(type=tarfile.CHRTYPE, devmajor=1, devminor=3), SPECIAL),
    "pipe": ("a.tgz", special(type=tarfile.FIFOTYPE), SPECIAL),
    "bomb": (
        "a.tgz",
        tar_of({"VOCdevkit/VOC2012/a.txt": bytes(10_000_000)}),
        "holds more than 10 times",
    ),
    "tar cut short": ("a.tgz", tar_of(FILES)[:-200], "cannot be unpacked .*, expected the archive"),
    "text": ("a.tgz", b"404 not found", "cannot be unpacked .*, expected the archive of https"),
    "gzip of something else": ("a.tgz", gzip.compress(b"data"), "cannot be unpacked .*, expected"),
    "no part that is wanted": (
        "a.tgz",
        tar_of({"other.txt": b""}),
        "found no VOCdevkit/VOC2012 in it, expected VOCdevkit",
    ),
    "ZIP with a path above": (
        "a.zip",
        zip_of(HARM),
        r"found '\.\./\.\./harm' in it, expected files",
    ),
    "ZIP with an absolute path": (
        "a.zip",
        zip_of({"/tmp/harm": b""}),
        "found '/tmp/harm' in it, exp",
    ),
    "ZIP with a path of another system": (
        "a.zip",
        zip_of({"..\\harm": b""}),
        r"found '\.\.[\\/]+harm' in it, expected files below",
    ),
    "ZIP with a link": (
        "a.zip",
        zip_of(FILES, zip_link("VOCdevkit/VOC2012/b")),
        "found the link 'VOC.*, expec",
    ),
    "ZIP bomb": (
        "a.zip",
        zip_of({"VOCdevkit/VOC2012/a.txt": bytes(10_000_000)}),
        "holds more than 10 times",
    ),
    "ZIP cut short": ("a.zip", zip_of(FILES)[:-10], "cannot be unpacked .*, expected the archive"),
    "ZIP that is encrypted": ("a.zip", encrypted(), "cannot be unpacked .*encrypted"),
}


@pytest.mark.parametrize("case", [*ARCHIVES, "another checksum"])
def test_an_archive(
    voc: Published, refused: Refused, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    name, content, sentence = ARCHIVES.get(case, ("a.tgz", tar_of(FILES), "found a file with the "))
    digest = "0" * 32 if case not in ARCHIVES else hashlib.md5(content).hexdigest()
    archive = Archive(PUBLISHED + name, digest, (voc.voc,))
    monkeypatch.setattr(voc12, "ARCHIVES", (archive, archive))
    shutil.rmtree(voc.root)
    voc.write(name, content)
    voc.write("mine.txt", "")
    found = refused(*dataset(voc, kind="voc12"), "--download", "--train", "mine.txt")
    assert_one(found, rf"/voc/{name}: {sentence}")
    assert {path.name for path in voc.root.iterdir()} == {name, f".{name}.lock", "mine.txt"}


# The configuration


ONE_OF_BACKBONES = "one of resnet18, resnet50, resnet101, vgg16, mobilenet_v2, timm:NAME"
CONFIG: dict[str, tuple[dict[Any, Any], str]] = {
    "unknown key": ({"bakbone": "x"}, "unknown key 'bakbone'; did you mean 'backbone'?"),
    "unknown key of a section": (
        {"boundary_labels": {"theta_scal": 1}},
        "unknown key 'theta_scal' in boundary_labels; did you mean 'theta_scale'?",
    ),
    "unknown key of an experiment": (
        {"experiments": {"a": {"cams": {"flipp": True}}}},
        "unknown key 'flipp' in experiments.a.cams; did you mean 'flip'?",
    ),
    "dataset of an experiment": (
        {"experiments": {"a": {"dataset": {}}}},
        "unknown key 'dataset' in experiments.a; did you",
    ),
    "key that is a number": ({1: 2}, "unknown key 1; did you mean"),
    "text for a number": (
        {"classifier": {"epochs": "many"}},
        "classifier.epochs: found 'many', expected number",
    ),
    "text that is no number": (
        {"classifier": {"lr": "1e-5 or so"}},
        "classifier.lr: found '1e-5 or so', expected number",
    ),
    "text that is no finite number": (
        {"classifier": {"lr": "nan"}},
        "classifier.lr: found nan, expected number",
    ),
    "text for true or false": (
        {"cams": {"flip": "perhaps"}},
        "cams.flip: found 'perhaps', expected boolean",
    ),
    "text above the range": (
        {"pseudo_labels": {"threshold": "7"}},
        "pseudo_labels.threshold: found 7, expected at most 1",
    ),
    "line break": (
        {"dataset": {"classes": ["cat", "do\ng"]}},
        "dataset.classes.1: found 'do\\ng', expected a line of text",
    ),
    "line break at the end of a name": (
        {"name": "mine\n"},
        "name: found 'mine\\n', expected a line of text",
    ),
    "line break at the end of the name of an experiment": (
        {"experiments": {"a\n": {}}},
        "experiments: found the name 'a\\n', expected a line of text",
    ),
    "two values of a sweep under one name": (
        {"sweeps": {"s": {"benet": {"weights": ["w/a b.pth", "w/a-b.pth"]}}}},
        "sweeps.s: found {'base': 'base', 'benet': {'weights': 'w/a b.pth'}} and {'base': 'base', "
        "'benet': {'weights': 'w/a-b.pth'}}, both of which would be called 's+weights=w-a-b.pth'",
    ),
    "name of a rule for one image": (
        {"comparisons": {"cams_of_image": {"experiments": ["base"]}}},
        "comparisons: found the name 'cams_of_image', expected another",
    ),
    "integer that no float can hold": (
        {"seed": 10**400},
        f"seed: found {10**400}, expected at most",
    ),
    "NUL": (
        {"dataset": {"root": "a\0b"}},
        "dataset.root: found 'a\\x00b', expected a line of text",
    ),
    "end of all flags": (
        {"dataset": {"classes": ["--"]}},
        "dataset.classes.0: found '--', expected a line of text",
    ),
    "keys joined by a dot": (
        {"pseudo_labels.threshold": 0.4},
        "found the key 'pseudo_labels.threshold', expected one key within the other: "
        "`pseudo_labels: {threshold: 0.4}` in a file, or "
        "`--config pseudo_labels='{threshold: 0.4}'`",
    ),
    "keys joined by a dot in an experiment": (
        {"experiments": {"v1.0": {"benet.seed": 1}}},
        "found the key 'benet.seed' in experiments.v1.0, expected one key within the other: "
        "`experiments: {v1.0: {benet: {seed: 1}}}` in a file",
    ),
    "seed that no generator takes": (
        {"seed": 2**32},
        "seed: found 4294967296, expected at most 4294967295",
    ),
    "seed below zero": ({"seed": -1}, "seed: found -1, expected at least 0"),
    "batch of everything": (
        {"classifier": {"batch_size": 10**9}},
        "classifier.batch_size: found 1000000000, expected at most 1024",
    ),
    "training without end": (
        {"benet": {"iterations": 10**12}},
        "benet.iterations: found 1000000000000, expected at most 1000000",
    ),
    "even window": (
        {"boundary_labels": {"window": 12}},
        "boundary_labels.window: found 12, expected an odd number",
    ),
    "batch that the GPUs cannot share": (
        {"gpus": 4, "goal": "predictions"},
        "segmenter.batch_size: found 10, expected a multiple of the 4 gpus",
    ),
    "number for true or false": ({"cams": {"flip": 1}}, "cams.flip: found 1, expected boolean"),
    "fraction": ({"shards": 2.5}, "shards: found 2.5, expected integer"),
    "whole number with a point": ({"shards": 8.0}, "shards: found 8.0, expected integer"),
    "true for a number": ({"shards": True}, "shards: found True, expected integer"),
    "number for a list": ({"cams": {"scales": 1.0}}, "cams.scales: found 1.0, expected array"),
    "empty list": ({"cams": {"scales": []}}, "cams.scales: found [], expected one value or more"),
    "one value for two": (
        {"classifier": {"resize_long": [64]}},
        "classifier.resize_long: found [64], expected 2 val",
    ),
    "the larger value first": (
        {"classifier": {"resize_long": [512, 320]}},
        "classifier.resize_long: found 512 320, expected the smaller one first",
    ),
    "number for text": ({"backbone": 5}, "backbone: found 5, expected string or null"),
    "null for a section": ({"cams": None}, "cams: found None, expected object"),
    "list for experiments": (
        {"experiments": [1]},
        "experiments: found [1], expected object or null",
    ),
    "number for experiments": ({"experiments": 5}, "experiments: found 5, expected object or null"),
    "number for an experiment": (
        {"experiments": {"a": 5}},
        "experiments.a: found 5, expected object",
    ),
    "value above its range": (
        {"pseudo_labels": {"threshold": 1.5}},
        "pseudo_labels.threshold: found 1.5, expected at most 1",
    ),
    "value below its range": ({"shards": 0}, "shards: found 0, expected at least 1"),
    "value of a list below its range": (
        {"cams": {"scales": [1.0, 0]}},
        "cams.scales.1: found 0, expected at least 0.1",
    ),
    "not a number": (
        {"pseudo_labels": {"threshold": float("nan")}},
        "pseudo_labels.threshold: found nan, expected",
    ),
    "infinity": ({"classifier": {"lr": float("inf")}}, "classifier.lr: found inf, expected number"),
    "unknown device": ({"device": "tpu"}, "device: found 'tpu', expected one of auto, cpu, cuda"),
    "unknown preset": (
        {"preset": "offical"},
        "preset: found 'offical', expected one of official, paper",
    ),
    "unknown goal": (
        {"goal": "masks"},
        "goal: found 'masks', expected one of pseudo_labels, predic",
    ),
    "unknown kind of dataset": (
        {"dataset": {"kind": "voc07"}},
        "dataset.kind: found 'voc07', expected one of folder, voc12, c",
    ),
    "unknown backbone": (
        {"classifier": {"backbone": "vgg"}},
        f"classifier.backbone: found 'vgg', expected {ONE_OF_BACKBONES}; did you mean 'vgg16'?",
    ),
    "backbone with a space": (
        {"backbone": "timm:no such"},
        f"backbone: found 'timm:no such', expected {ONE_OF_BACKBONES}",
    ),
    "unknown backbone of a sweep": (
        {"sweeps": {"a": {"benet": {"backbone": ["vgg16", "resnet5O"]}}}},
        f"sweeps.a.benet.backbone.1: found 'resnet5O', expected {ONE_OF_BACKBONES}; did you",
    ),
    "name that is a path": (
        {"name": "../up"},
        "name: found '../up', expected a name of letters, digits and . _ = + -",
    ),
    "empty name": (
        {"name": ""},
        "name: found '', expected a name of letters, digits and . _ = + -",
    ),
    "experiment called by a path": (
        {"experiments": {"a/b": None}},
        "experiments: found 'a/b', expected a name of letters, digits",
    ),
    "experiment called by a number": (
        {"experiments": {2012: {"seed": 1}}},
        "experiments: found the name 2012, expected text; put it in quotes",
    ),
    "experiment called yes": (
        {"experiments": {True: {"seed": 1}}},
        "experiments: found the name True, expected text",
    ),
    "experiment called base": (
        {"experiments": {"base": {}}},
        "experiments: found the name 'base', expected another",
    ),
    "unknown base": (
        {"experiments": {"a": {"base": "b"}}},
        "experiments.a.base: found 'b', expected one of base, a",
    ),
    "base of itself": (
        {"experiments": {"a": {"base": "a"}}},
        "experiments.a.base: found 'a', expected no circle",
    ),
    "circle of bases": (
        {"experiments": {"a": {"base": "b"}, "b": {"base": "c"}, "c": {"base": "a"}}},
        "experiments.a.base: found 'b', expected no circle",
    ),
    "unknown base of a sweep": (
        {"sweeps": {"a": {"base": "b", "seed": [1]}}},
        "sweeps.a.base: found 'b', expected one of base",
    ),
    "sweep of nothing": (
        {"sweeps": {"a": None}},
        "sweeps.a: found no key, expected one or more with values",
    ),
    "sweep of a section without keys": (
        {"sweeps": {"a": {"cams": {}}}},
        "sweeps.a: found no key, expected one or more with values",
    ),
    "sweep without values": (
        {"sweeps": {"a": {"cams": {"flip": []}}}},
        "sweeps.a.cams.flip: found [], expected one value",
    ),
    "sweep of one value that is no list": (
        {"sweeps": {"a": {"seed": 1}}},
        "sweeps.a.seed: found 1, expected array",
    ),
    "sweep with a wrong value": (
        {"sweeps": {"a": {"cams": {"flip": [True, 3]}}}},
        "sweeps.a.cams.flip.1: found 3, expected bo",
    ),
    "sweep whose experiment is there already": (
        {"experiments": {"a+seed=1": None}, "sweeps": {"a": {"seed": [1]}}},
        "sweeps.a: found the experiment 'a+seed=1', which is declared already; expect",
    ),
    "row of a comparison without a score": (
        {"comparisons": {"c": {"experiments": ["base"], "rows": {"r": {}}}}},
        "comparisons.c.rows.r: found {}, expected the key 'score'",
    ),
}


@pytest.mark.parametrize("case", CONFIG)
def test_a_configuration(tmp_path: Path, refused: Refused, case: str) -> None:
    content, sentence = CONFIG[case]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    (found,) = refused("status", "--configfile", tmp_path / "config.yaml")
    assert found.removeprefix("config: ").startswith(sentence), found
    with pytest.raises(BesError, match=f"^{re.escape(found)}$"):
        load_project(content)


YAML: dict[str, tuple[str | bytes | None, str]] = {
    "no file": (None, "no such configuration"),
    "bracket that does not close": ("a: [1, 2\nb: }", r"not YAML \(.*line 2"),
    "tab": ("cams:\n\tflip: true\n", r"not YAML \(.*line 2"),
    "list": ("- name: a\n", "found .*name.*, expected keys with values"),
    "text": ("hello", "found 'hello', expected keys with values"),
    "Latin-1": ("name: café\n".encode("latin-1"), "not YAML .*0xe9"),
    "NUL": ("name: a\0\n", "not YAML .*special characters are not allowed"),
    "code": (
        "a: !!python/object/apply:os.system ['touch harm']\n",
        "not YAML .*python/object/apply",
    ),
    "brackets without end": ("a: " + "[" * 600, r"not YAML \(.*\)$"),
}


@pytest.mark.parametrize("case", YAML)
def test_a_configuration_file(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    content, sentence = YAML[case]
    monkeypatch.chdir(tmp_path)  # where code of the file would do harm
    if content is not None:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / "my.yaml").write_bytes(data)
    assert_one(refused("status", "--configfile", "my.yaml"), rf"^my\.yaml: {sentence}")


# Results that somebody changed


class Results:
    """A dataset with revised maps, pseudo labels and scores, as the stages leave them."""

    def __init__(self, folder: Folder):
        for image in range(6):
            folder.mask(f"SegmentationClass/{image}.png", [0, 8, 12])
        folder.run(shards=1, classes=("cat=8", "dog=12"))
        self.folder, self.base, self.dataset = folder, folder.out.parent, folder.out
        self.maps, self.labels = self.base / "revised_maps", self.base / "pseudo_labels"
        rng = np.random.default_rng(0)
        for image in "0123":
            self.write(
                f"revised_maps/{image}.npz", encode_maps(rng.random((1, 6, 8)), [1], (24, 32))
            )
            pixels = rng.integers(0, 3, (24, 32)).astype(np.uint8)
            self.write(f"pseudo_labels/{image}.png", encode_labels(pixels))
        self.vouch()

    def vouch(self) -> None:
        """For maps and labels as they are now."""
        for folder in (self.maps, self.labels):
            vouch_for(folder, self.dataset)

    def write(self, name: str, content: str | bytes) -> None:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.base / name).read_text()
        assert old in text
        self.write(name, text.replace(old, new, 1))

    def words(self, stage: str, *more: object) -> list[object]:
        """A stage of this dataset."""
        out = self.base / "out"
        return [stage, "--dataset", self.dataset, "--out", out, "--threads", 1, *more]

    def pseudo_labels(self) -> list[object]:
        return self.words("pseudo_labels", "--revised-maps", self.maps, "--no-crf")

    def export(self) -> list[object]:
        return self.words("export", "--format", "torchvision", "--pseudo-labels", self.labels)

    def cams(self) -> list[object]:
        return self.words("cams", "--classifier", self.base / "classifier", "--device", "cpu")


@pytest.fixture
def results(folder: Folder) -> Results:
    return Results(folder)


def replaced(name: str, content: str | bytes | None, sentence: str) -> tuple[Any, str]:
    """A file with another content; None: no file."""

    def spoil(results: Results) -> None:
        if content is None:
            (results.base / name).unlink()
        else:
            results.write(name, content)

    return spoil, rf"/{name}: {sentence}"


def edited(name: str, old: str, new: str, sentence: str) -> tuple[Any, str]:
    return (lambda r: r.edit(name, old, new)), rf"{name.partition('/')[2]}: {sentence}"


def sealed(content: dict[str, Any], sentence: str) -> tuple[Any, str]:
    """A receipt of the maps with another content under a seal that is right."""
    return (lambda r: write_sealed(r.base / RECEIPT, content)), rf"/{RECEIPT}: {sentence}"


def maps(content: Callable[[bytes], bytes] | bytes) -> tuple[Any, str]:
    """A map file with bytes that its receipt vouches for, or what is made of those it had."""

    def spoil(results: Results) -> None:
        before = (results.base / MAP).read_bytes()
        results.write(MAP, content if isinstance(content, bytes) else content(before))
        results.vouch()

    return spoil, rf"/{MAP}: {NO_MAPS}"


SHARD, CATALOG = "dataset/shards/000.csv", "dataset/classes.json"
RECEIPT, MAP = "revised_maps/_receipts/000.json", "revised_maps/0.npz"
NO_MAPS = r"damaged or no map file \(.+\), expected an npz with `maps`, `classes` and `size`"
DAMAGED: dict[str, tuple[Any, str]] = {
    "manifest with a column too many": edited(
        SHARD, "train,", "train,,", "line 2: not a manifest .*number of columns"
    ),
    "manifest with another header": replaced(
        SHARD, "id,path\n1,2\n", "not a manifest of this version of bes, found no column 'width'"
    ),
    "manifest in Latin-1": replaced(SHARD, b"id\n\xff\n", "line .*not a manifest .*0xff"),
    "manifest cut short": (
        lambda r: r.write(SHARD, (r.base / SHARD).read_bytes()[:-40]),
        r"000\.csv: line 5: not .* columns",
    ),
    "width that is no number": edited(SHARD, ",32,", ",wide,", "line 2: not a .*'wide'"),
    "photograph without a height": edited(
        SHARD, ",24,", ",0,", "line 2: not a .*photograph of 32x0 pixels"
    ),
    "split that is none": edited(
        SHARD, "train", "trian", "line 2: not .*the split 'trian', expected train, val"
    ),
    "image that is a path": edited(
        SHARD, "0,JPEG", "../../harm,JPEG", r"line 2: not .*the id '\.\./\.\./harm'"
    ),
    "label that is no class": (
        lambda r: r.edit(SHARD, ",cat,", ",horse,"),
        r"images\.csv: 0: found the label 'horse', expected one of cat, dog",
    ),
    "no list of classes": replaced(CATALOG, None, "no such file; `bes dataset` writes it"),
    "list of classes without bytes": replaced(CATALOG, "", "not a class list written by `bes data"),
    "list of classes without keys": replaced(
        CATALOG, "{}", "not a class list of this version .*'root'"
    ),
    "list of classes that is a list": replaced(CATALOG, "[]", "not a class list written by"),
    "list of classes in Latin-1": replaced(CATALOG, b"\xff", "not a class list written by .*0xff"),
    "classes in one word": edited(
        CATALOG, '[\n  "cat",\n  "dog"\n ]', '"ab"', "not .*the classes 'ab'"
    ),
    "a mask value too many": edited(CATALOG, " 8,", " 8, 9,", r"not .*mask values \(8, 9, 12\)"),
    "mask value of the void": edited(CATALOG, " 12\n", " 255\n", r"not .*mask values \(8, 255\)"),
    "no receipt": replaced(RECEIPT, None, "no such receipt; run `bes revised_maps` first"),
    "receipt that is no JSON": replaced(RECEIPT, "{", r"not a receipt \(.+\)"),
    "receipt without bytes": replaced(RECEIPT, "", r"not a receipt \(.+\)"),
    "receipt of which a digit changed": (
        lambda r: r.write(RECEIPT, (r.base / RECEIPT).read_bytes().replace(b"1", b"2", 1)),
        rf"/{RECEIPT}: not a receipt \(its digest is another one than it says\)",
    ),
    "receipt without a seal": replaced(RECEIPT, '{"files": {}, "inputs": {}}', "not a receipt "),
    "receipt without files": sealed({"inputs": {}}, r"not a receipt \('files'\)"),
    "receipt of a list": sealed({"files": [1]}, r"not a receipt \(.+\)"),
    "receipt without an image": sealed(
        {"files": {"00.npz": "1", "1.npz": "2"}, "inputs": {}},
        "found no file of 0, expected one of every photograph in shard",
    ),
    "no map file": replaced(MAP, None, "no such file"),
    "map file without bytes": maps(b""),
    "map file cut short": maps(lambda before: before[:200]),
    "map file with changed bytes": maps(lambda before: before[:150] + bytes(9)),
    "map file that is an NPY": maps(array([1.0])),
    "map file without classes": maps(archive_of(maps=np.zeros((1, 6, 8)))),
    "maps of other classes": maps(
        archive_of(maps=np.zeros((2, 6, 8)), classes=[1], size=[24, 32]),
    ),
    "maps of two dimensions": maps(
        archive_of(maps=np.zeros((6, 8)), classes=[1], size=[24, 32]),
    ),
    "maps of objects": maps(
        archive_of(maps=np.array([{}], object), classes=[1], size=[24, 32]),
    ),
    "maps of text": maps(
        archive_of(maps=np.full((1, 6, 8), "a"), classes=[1], size=[24, 32]),
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_result(results: Results, refused: Refused, case: str) -> None:
    spoil, sentence = DAMAGED[case]
    spoil(results)
    assert_one(refused(*results.pseudo_labels()), sentence)


def test_no_code_of_a_map_file_runs(results: Results, refused: Refused) -> None:
    maps = np.array([hostile(results.base)], object)
    results.write(MAP, archive_of(maps=maps, classes=[1], size=[24, 32]))
    results.vouch()
    assert_one(refused(*results.pseudo_labels()), rf"0\.npz: {NO_MAPS}")


@pytest.mark.parametrize("photograph", [False, True])
def test_a_file_that_is_whole_but_not_what_was_vouched_for(
    results: Results, refused: Refused, photograph: bool
) -> None:
    if photograph:
        results.folder.photograph("JPEGImages/0.jpg", quality=50)
        words = [word for word in results.pseudo_labels() if word != "--no-crf"]
        sentence = r"JPEGImages/0\.jpg: found other bytes than when the dataset was read, expected"
        assert_one(refused(*words), sentence)
    else:
        results.write(MAP, (results.base / MAP.replace("0.npz", "1.npz")).read_bytes())
        sentence = rf"/{MAP}: found other bytes than the digest in .*/{RECEIPT} stands for, expect"
        assert_one(refused(*results.pseudo_labels(), voids=RECEIPT), sentence)


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"files": {}, "inputs": {}}'])
def test_the_receipt_of_a_network(results: Results, refused: Refused, content: str | None) -> None:
    sentence = "no such receipt; run `bes classifier` first"
    if content is not None:
        results.write("classifier/model.json", content)
        sentence = r"not a receipt \(.+\)"
    assert_one(refused(*results.cams()), rf"classifier/model\.json: {sentence}")


@pytest.mark.parametrize("files, sentence", [(1, "not a receipt"), ({}, "found no network, expec")])
def test_the_receipt_of_something_else_than_a_network(
    results: Results, refused: Refused, files: Any, sentence: str
) -> None:
    write_sealed(model_receipt(results.base / "classifier"), {"files": files, "inputs": {}})
    assert_one(refused(*results.cams()), rf"classifier/model\.json: {sentence}")


@pytest.mark.parametrize(
    "content", [None, "{", "[]", "{}", '{"pseudo_labels": {}}', '{"pseudo_labels": 1, "cams": []}']
)
def test_scores(tmp_path: Path, refused: Refused, content: str | None) -> None:
    if content is not None:
        (tmp_path / "scores.json").write_text(content)
    sentence = (
        "not written by `bes evaluation`" if content else "no such file; run `bes evaluation`"
    )
    assert_one(refused("scores", tmp_path), rf"/scores\.json: {sentence}")


@pytest.mark.parametrize(
    "content", [None, "{", "[]", "{}", '{"comparison": {"rows": [{}]}, "evaluations": {}}']
)
def test_the_plan_of_a_comparison(tmp_path: Path, refused: Refused, content: str | None) -> None:
    if content is not None:
        (tmp_path / "plan.json").write_text(content)
    sentence = r"plan\.json: not a plan written by the workflow \(.+\)"
    assert_one(
        refused("comparison", "--plan", tmp_path / "plan.json"),
        sentence
        if content
        else r"--plan: found no file .*plan\.json, expected one of the workflow",
    )


# Exports


def put_beside(results: Results) -> None:
    assert main([*map(str, results.export())]) == 0
    results.write("out/weights.pth", "mine")


def copy_mask(results: Results) -> None:
    mask = (results.folder.root / "SegmentationClass/0.png").read_bytes()
    results.write("pseudo_labels/0.png", mask)
    results.vouch()


def label(content: bytes, sentence: str) -> tuple[Any, str]:
    def spoil(results: Results) -> None:
        results.write("pseudo_labels/0.png", content)
        results.vouch()

    return spoil, rf"pseudo_labels/0\.png: {sentence}"


EXPORTS: dict[str, tuple[Any, str]] = {
    "folder of somebody else": (
        lambda r: r.write("out/thesis.txt", "mine"),
        "/out: found a folder that `bes export` did not write, expected one of its exports, an em",
    ),
    "marker that is no JSON": (
        lambda r: r.write("out/export.json", "{"),
        "/out: found a folder that `bes export` did not",
    ),
    "file in the place of the folder": (
        lambda r: r.write("out", "mine"),
        "/out: found a file, expected a folder or nothing",
    ),
    "file that was put into an export": (
        put_beside,
        r"out/weights\.pth: found a file that `bes export` did not write and would delete",
    ),
    "label that is its mask": (
        copy_mask,
        r"0: the training label .*/0\.png equals the mask .*SegmentationClass/\d\.png; make",
    ),
    "no label": (
        lambda r: (r.labels / "0.png").unlink(),
        "pseudo_labels.*: no such file",
    ),
    "label cut short": label(LABELS[:-30], "a damaged picture"),
    "label of another size": label(
        encode_labels(np.zeros((20, 20), np.uint8)),
        "a label of 20x20 pixels, expected the 32x24 of",
    ),
}


@pytest.mark.parametrize("case", EXPORTS)
def test_an_export(results: Results, refused: Refused, case: str) -> None:
    spoil, sentence = EXPORTS[case]
    spoil(results)
    assert_one(refused(*results.export()), sentence)


# Flags


FLAGS: dict[str, tuple[list[str], str]] = {
    "no command": ([], "the following arguments are required: COMMAND"),
    "unknown command": (["masks"], "argument COMMAND: invalid choice: 'masks'"),
    "unknown flag": (["schema", "--yaml"], "unrecognized arguments: --yaml"),
    "no folder to write to": (["dataset"], "--out: found none, expected the folder to write to"),
    "configuration without check": (
        ["dataset", "--configfile", "c.yaml", "--out", "x"],
        "expected with `bes dataset check` alone",
    ),
    "unknown kind": (
        ["dataset", "--kind", "coco"],
        "--kind: found 'coco', expected one of folder, voc12",
    ),
    "no threads": (
        ["dataset", "--threads", "0"],
        "argument --threads: found '0', expected a whole number from 1",
    ),
    "threads in words": (
        ["dataset", "--threads", "all"],
        "argument --threads: found 'all', expected",
    ),
    "no shards": (["dataset", "--shards", "0"], "--shards: found '0', expected .* from 1 to 999"),
    "too many shards": (["dataset", "--shards", "1000"], "--shards: found '1000', expected .* 999"),
    "one side of a scene": (["dataset", "--size", "64"], "argument --size: expected 2 arguments"),
    "seed below its range": (
        ["dataset", "--seed", "-1"],
        "--seed: found '-1', expected an integer, 0 to 4294967295",
    ),
    "threshold above its range": (
        ["pseudo_labels", "--threshold", "7"],
        "--threshold: found '7', expected a number, 0.0 to 1.0",
    ),
    "threshold that is not a number": (
        ["pseudo_labels", "--threshold", "nan"],
        "--threshold: found 'nan', expected a number, 0.0 to",
    ),
    "threshold in words": (
        ["pseudo_labels", "--threshold", "half"],
        "--threshold: found 'half', exp",
    ),
    "infinite learning rate": (
        ["classifier", "--lr", "inf"],
        "--lr: found 'inf', expected a number",
    ),
    "no devices": (
        ["classifier", "--gpus", "0"],
        "argument --gpus: found '0', expected a whole num",
    ),
    "unknown backbone": (
        ["classifier", "--backbone", "vgg61"],
        "found 'vgg61', expected one of .*; did you mean 'vgg16'",
    ),
    "unknown device": (["cams", "--device", "tpu"], "argument --device: invalid choice: 'tpu'"),
    "unknown format": (
        ["export", "--format", "pascal"],
        "argument --format: invalid choice: 'pascal'",
    ),
    "key without a value": (
        ["status", "--config", "shards"],
        "--config: found 'shards', expected key=",
    ),
    "value that is no YAML": (
        ["status", "--config", "cams=["],
        r"config: cams: found '\[', expected object",
    ),
    "keys joined by a dot": (
        ["clean", "-C", "pseudo_labels.threshold=0.4"],
        r"--config: found 'pseudo_labels\.threshold=0\.4', expected one key within the other: .* "
        r"`--config pseudo_labels='\{threshold: 0\.4\}'`",
    ),
    "key that is no name": (
        ["status", "--config", "8=a"],
        "--config: found '8=a', expected key=value, where the key is a name",
    ),
    "comment for a value": (
        ["status", "--config", "name=#a"],
        "--config: found 'name=#a', expected key=value, where .* the value YAML",
    ),
    "too long a seed": (
        ["dataset", "--seed", str(2**32)],
        "--seed: found '4294967296', expected an integer, 0 to 4294967295",
    ),
    "unknown experiment": (
        ["why", "0", "--experiment", "b"],
        "--experiment: found 'b', expected one of base",
    ),
    "comparison without a name": (["comparison"], "comparison: found 'no name', expected a config"),
}


@pytest.mark.parametrize("case", FLAGS)
def test_a_flag(
    tmp_path: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    words, sentence = FLAGS[case]
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("name: mine\n")
    monkeypatch.chdir(tmp_path)
    assert_one(refused(*words), sentence)


def test_a_shard_that_is_not_there(results: Results, refused: Refused) -> None:
    assert_one(
        refused(*results.pseudo_labels(), "--shard", "007"),
        r"--shard: found '007', expected one of the 1 files of .*shards without its \.csv",
    )


def test_a_device_that_is_not_there(
    results: Results, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    write_receipt(model_receipt(results.base / "classifier"), {"model.safetensors": "0"})
    words = [*results.cams()[:-1], "cuda"]
    assert_one(
        refused(*words), "--device cuda: found no usable GPU; expected one, or --device cpu or"
    )


# The same by hand


BY_HAND: dict[str, tuple[Callable[[Results], list[object]], str]] = {
    "photograph": (
        lambda r: (
            r.folder.write("JPEGImages/0.jpg", JPEG[:300]),
            [*dataset(r.folder)[:-4], "--out", r.base / "new", "--classes", "cat=8", "dog=12"],
        )[1],
        r"0\.jpg: a damaged picture",
    ),
    "hostile pickle": (
        lambda r: (
            r.folder.write("cls_labels.npy", npy(pickle.dumps(hostile(r.base)))),
            [*dataset(r.folder)[:-4], "--out", r.base / "new", *VECTORS],
        )[1],
        "found a pickle that calls",
    ),
    "configuration": (
        lambda r: (
            r.write("c.yaml", "bakbone: x"),
            ["status", "--configfile", r.base / "c.yaml"],
        )[1],
        "config: unknown key 'bakbone'; did you mean 'backbone'",
    ),
    "map file": (
        lambda r: (r.write(MAP, b"PK"), r.vouch(), r.pseudo_labels())[2],
        rf"0\.npz: {NO_MAPS}",
    ),
    "flag": (lambda r: ["dataset", "--shards", "0"], "--shards: found '0', expected"),
}


@pytest.mark.parametrize("case", BY_HAND)
def test_a_process(results: Results, refused: Refused, case: str) -> None:
    words, sentence = BY_HAND[case]
    assert_one(refused(*words(results), by_hand=True), sentence)


# Weights and networks, for which PyTorch is imported


def safetensors_of(**shapes: list[int]) -> bytes:
    """Zeros of these shapes in the format of safetensors."""
    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        start, end = end, end + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def torch_file(value: object) -> bytes:
    import torch

    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


def tensors(value: object = None) -> Any:
    import torch

    return torch.zeros(2)


ODD = safetensors_of(**{"features.0.0.weight": [1, 2], "layer9.weight": [3]})
NO_STATE = r"not a state dict of tensors \(.+\)"
WEIGHTS: dict[str, tuple[str, Callable[[Path], bytes] | None, str]] = {
    "no file": ("w.pth", None, "no such weights file"),
    "no bytes": ("w.pth", lambda _: b"", NO_STATE),
    "text": ("w.pth", lambda _: b"text", NO_STATE),
    "start of a ZIP": ("w.pth", lambda _: b"PK\3\4", NO_STATE),
    "file cut short": ("w.pth", lambda _: torch_file({"a": tensors()})[:-100], NO_STATE),
    "list": ("w.pth", lambda _: torch_file([tensors()]), "expected a state dict of tensors"),
    "numbers": ("w.pth", lambda _: torch_file({"a": 1}), "expected a state dict of tensors"),
    "numbers for keys": ("w.pth", lambda _: torch_file({1: tensors()}), "expected a state dict of"),
    "safetensors of no bytes": ("w.safetensors", lambda _: b"", NO_STATE),
    "safetensors cut short": ("w.safetensors", lambda _: ODD[:-5], NO_STATE),
    "safetensors of a torch file": ("w.safetensors", lambda _: torch_file({}), NO_STATE),
    "pickle with code": ("w.pth", lambda p: pickle.dumps(hostile(p), protocol=2), NO_STATE),
    "torch file with code": ("w.pth", lambda p: torch_file({"a": hostile(p)}), NO_STATE),
    "safetensors of code": ("w.safetensors", lambda p: pickle.dumps(hostile(p)), NO_STATE),
    "another architecture": (
        "w.safetensors",
        lambda _: ODD,
        r"does not fit mobilenet_v2: \d+ missing \(features\.0\.1\.weight, .*, \.\.\.\); "
        r"1 not expected \(layer9\.weight\); 1 of another shape \(features\.0\.0\.weight\)$",
    ),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_weights(results: Results, refused: Refused, case: str) -> None:
    name, content, sentence = WEIGHTS[case]
    if content:
        results.write(name, content(results.base))
    flags = ("--weights", results.base / name, "--backbone", "mobilenet_v2", "--device", "cpu")
    assert_one(refused(*results.words("classifier", *flags)), rf"/{re.escape(name)}: {sentence}")


NETWORKS = {
    "no file": None,
    "no bytes": b"",
    "text": b"a network",
    "weights without settings": safetensors_of(a=[2]),
    "weights cut short": safetensors_of(a=[2])[:-3],
}


@pytest.mark.parametrize("case", NETWORKS)
def test_a_network(results: Results, refused: Refused, case: str) -> None:
    path = results.base / "classifier/model.safetensors"
    results.write("classifier/model.safetensors", NETWORKS[case] or b"")
    vouch_for(path.parent)
    if NETWORKS[case] is None:
        path.unlink()
    assert_one(
        refused(*results.cams()),
        r"classifier/model\.safetensors: not a network that bes trained \(.+\)",
    )


def test_a_network_that_is_whole_but_not_what_was_vouched_for(
    results: Results, refused: Refused
) -> None:
    """Above all its settings must not be believed, which are read before its weights."""
    results.write("classifier/model.safetensors", safetensors_of(a=[2]))
    vouch_for(results.base / "classifier")
    results.write("classifier/model.safetensors", safetensors_of(a=[3]))
    assert_one(
        refused(*results.cams(), voids="classifier/model.json"),
        r"classifier/model\.safetensors: found other bytes than the digest in .*/model\.json ",
    )
