"""A dataset in a few lines, as `bes dataset` prints it."""

import itertools
from collections import Counter

from bes.data.inspection import dimensions
from bes.data.left_out import endings
from bes.data.manifest import Catalog, ImageRecord
from bes.storage.words import counted


def print_summary(catalog: Catalog, records: list[ImageRecord], notes: list[str]) -> None:
    """How many photographs, of which classes, with which masks and sizes."""
    splits = Counter(record.split for record in records)
    classes = Counter(
        label for record in records if record.split == "train" for label in record.labels
    )
    print(
        f"{counted(len(records), 'photograph')}: "
        + ", ".join(f"{n} {s}" for s, n in sorted(splits.items()))
    )
    print("training photographs of each class: ")
    for index, (name, value) in enumerate(
        zip(catalog.classes, catalog.mask_values, strict=True), 1
    ):
        foreign = f" (mask value {value})" if value != index else ""
        print(f"  {index} {name}{foreign}: {classes[name]}")
    print(f"masks: {sum(bool(record.mask) for record in records)}")
    if corrected := sum(bool(record.correction) for record in records):
        print(f"corrections: {corrected}")
    if rejected := sum(record.rejected for record in records):
        print(f"rejected: {rejected}")
    sizes = sorted(
        (record.width * record.height, record.width, record.height) for record in records
    )
    print(f"sizes: {dimensions(sizes[0][1:])} to {dimensions(sizes[-1][1:])} pixels")
    large = [r for r in records if catalog.working_size(r) != (r.height, r.width)]
    if large:
        print(
            f"{counted(len(large), 'photograph')} of more than {catalog.max_pixels} pixels, "
            "computed at that"
        )
    for note in notes:
        print(note)


def print_details(catalog: Catalog, records: list[ImageRecord]) -> None:
    """What is worth a look before a long run, and too long for the log of every run."""
    print(f"endings: {endings(record.path for record in records)}")
    pixels = sorted(record.width * record.height for record in records)
    print(f"pixels of the middle one: {pixels[len(pixels) // 2] / 1e6:.2f} million")
    pairs = Counter(
        pair for record in records for pair in itertools.product(record.labels, repeat=2)
    )
    names = [f"{index} {name}" for index, name in enumerate(catalog.classes, 1)]
    width = max(map(len, names), default=0)
    column = max(len(str(count)) for count in [*pairs.values(), len(names)]) + 2
    print("photographs that show both classes:")
    print(" " * width + "".join(f"{index:>{column}}" for index in range(1, len(names) + 1)))
    for name, one in zip(names, catalog.classes, strict=True):
        counts = (pairs[one, other] or "-" for other in catalog.classes)
        print(f"{name:<{width}}" + "".join(f"{count:>{column}}" for count in counts))
