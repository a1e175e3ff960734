"""Which pseudo labels a person has dealt with, so that nobody has to look at them first."""

from pathlib import Path

from bes.data.manifest import ACCEPTED_TABLE, read_manifest
from bes.data.review import read_review
from bes.incremental.stage import image_file
from bes.storage.files import digest_file


def looked_at(dataset: Path, pseudo_labels: Path, *, review: Path | None = None) -> set[str]:
    """The photographs whose pseudo label a person mended, rejected, or accepted as it is.

    Args:
        dataset: folder of the manifest, which tells what the last run heeded.
        pseudo_labels: folder of the labels.
        review: a table of `bes review`, which may be of after that run, or may not be there.

    Raises BesError for a table that cannot be read.
    """
    records = read_manifest(dataset / "images.csv")
    known = {record.id for record in records}
    seen = {record.id for record in records if record.correction or record.rejected}
    for table in (dataset / ACCEPTED_TABLE, review):
        if table is not None and table.exists():
            seen |= {
                image
                for image, row in read_review(table, known).items()
                if row.holds(digest_file(image_file("pseudo_labels", pseudo_labels, image)))
            }
    return seen
