"""What a person said of the pseudo labels: a table with a verdict on each that was looked at."""

import getpass
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from bes.data.csv_tables import cells_of
from bes.data.file_names import image_of
from bes.data.folder import Collected
from bes.data.names import clean
from bes.data.spreadsheet import plain, to_csv
from bes.data.text_files import read_text
from bes.errors import BesError
from bes.storage.words import counted

REVIEW = "review.csv"
"""The table that `bes review` writes, unless another one is configured."""
ACCEPTED, REJECTED, CORRECTED = VERDICTS = ("accepted", "rejected", "corrected")


@dataclass(frozen=True)
class Verdict:
    """A row of the table."""

    image: str
    verdict: str
    """One of `VERDICTS`."""
    who: str = ""
    """Name of the user."""
    when: str = ""
    """Date and time, UTC, ISO 8601."""
    digest: str = ""
    """Of the pseudo label that was accepted; empty where it is not known."""

    def holds(self, digest: str | None) -> bool:
        """Whether it is of a pseudo label with this digest: a later run may have made another one
        than that which was accepted."""
        return self.verdict != ACCEPTED or self.digest in ("", digest)


COLUMNS = tuple(field.name for field in fields(Verdict))


def signed(image: str, verdict: str, digest: str = "") -> Verdict:
    """A verdict of whoever runs this, as of now; `digest` as in `Verdict`."""
    who = ""
    with suppress(Exception):  # the system may have no name
        who = getpass.getuser()
    return Verdict(image, verdict, who, datetime.now(UTC).isoformat(timespec="seconds"), digest)


def review_csv(rows: Iterable[Verdict]) -> str:
    """The rows as CSV text with a header, by image."""
    ordered = sorted(rows, key=lambda row: row.image)
    return to_csv([COLUMNS, *(astuple(row) for row in ordered)])


def read_review(path: Path, known: Collection[str] = ()) -> dict[str, Verdict]:
    """Image -> its row; the columns after `verdict` may be missing.

    One of the images `known` may be called just so, also where its name ends like a file's. Raises
    BesError for a file that cannot be read, a verdict that is none and an image listed twice.
    """
    table = cells_of(path, read_text(path, "a CSV"))
    header = next((row for row in table if any(map(clean, row))), [])
    first = table.index(header) + 1 if header else 1
    columns = [clean(cell).casefold() for cell in header]
    names = [name for name in columns if name in COLUMNS]
    if not {"image", "verdict"} <= set(names) or len(set(names)) < len(names):
        found_header = ",".join(map(clean, header))
        raise BesError(f"{path}: row {first}: found {found_header!r}, expected {','.join(COLUMNS)}")
    found: dict[str, Verdict] = {}
    for number, row in enumerate(table[first:], first + 1):
        cells = dict(zip(columns, row, strict=False))
        values = {name: plain(cells.get(name, "").strip()) for name in COLUMNS}
        image, verdict = image_of(clean(values["image"]), known), values["verdict"].lower()
        if not image and not verdict:
            continue
        if verdict not in VERDICTS:
            raise BesError(
                f"{path}: row {number}: found the verdict {values['verdict']!r}, expected "
                f"{', '.join(VERDICTS)}"
            )
        if image in found:
            raise BesError(
                f"{path}: row {number}: found {image!r}, which is listed before; expected each "
                "image once"
            )
        found[image] = Verdict(**values | {"image": image, "verdict": verdict})
    return found


def has_review(root: Path, file: str) -> bool:
    """Whether there is such a table below the root.

    That of `bes review` may come later; raises BesError where another is missing, or is no file.
    """
    path = root / file
    if path.is_file():
        return True
    if path.exists():
        raise BesError(f"dataset.review: found a folder {path}, expected the table of `bes review`")
    if Path(file) != Path(REVIEW):
        raise BesError(f"dataset.review: found no file {path}, expected the table of `bes review`")
    return False


def add_review(found: Collected, root: Path, file: str) -> None:
    """Mark the training photographs whose label was rejected or accepted, if any was yet.

    Raises BesError for a table that cannot be read.
    """
    if not has_review(root, file):
        found.notes.append(f"no verdict yet: found no file {root / file}")
        return
    review = read_review(root / file, {entry.id for entry in found.entries})
    train = {entry.id for entry in found.entries if entry.split == "train"}
    rejected = {image for image, row in review.items() if row.verdict == REJECTED}
    found.entries = [
        replace(entry, rejected=entry.id in rejected & train) for entry in found.entries
    ]
    found.accepted = {
        image: row.digest
        for image, row in review.items()
        if image in train and row.verdict == ACCEPTED
    }
    if train and train <= rejected:
        found.problems.append(
            f"{root / file}: found every training photograph rejected, expected one or more that "
            "is not"
        )
    if strange := review.keys() - train:
        found.notes.append(
            f"{counted(len(strange), 'verdict')} on no training photograph, left out"
        )
