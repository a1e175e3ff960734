"""What is odd about the pixels of a dataset: masks that contradict the labels, dark photographs."""

from collections.abc import Mapping, Sequence

from bes.data.manifest import Catalog, ImageRecord

VOID = 255


Present = Mapping[str, Sequence[int]]
"""File -> the label indices in it, 255 among them where there is void."""


def mask_notes(catalog: Catalog, records: Sequence[ImageRecord], present: Present) -> list[str]:
    """Masks and corrections that hold more than the labels name, masks that hold less, and classes
    that labels name and no mask holds."""
    notes = []
    for what, files in (
        ("masks", _named(catalog, {r.mask: r for r in records})),
        ("corrections", _named(catalog, {r.correction: r for r in records})),
    ):
        if foreign := sum(not named.issuperset(_held(present[f])) for f, named in files.items()):
            notes.append(
                f"{foreign} of {len(files)} {what} hold a class that the labels do not name; if "
                "that is unexpected, give `classes` with their values in the masks"
            )
    masks = _named(catalog, {r.mask: r for r in records})
    if lacking := sum(not named <= _held(present[file]) for file, named in masks.items()):
        notes.append(f"{lacking} of {len(masks)} masks lack a class that the labels name")
    held = set().union(*(_held(present[file]) for file in masks))
    for index, name in enumerate(catalog.classes, 1):
        count = sum(index in named for named in masks.values())
        if count and index not in held:
            notes.append(
                f"no mask of {count} whose labels name {name!r} holds its value, "
                f"{catalog.mask_values[index - 1]}: it is not scored"
            )
    return notes


def void_masks(catalog: Catalog, records: Sequence[ImageRecord], present: Present) -> list[str]:
    """The problem of masks in which 255 stands for the object, as in masks of two colours: it is
    void, and no object would be scored."""
    masks = _named(catalog, {record.mask: record for record in records})
    void = [file for file, named in masks.items() if named and VOID in present[file]]
    if not void or any(_held(present[file]) for file in masks):
        return []
    shown = set().union(*masks.values())
    expected = ", ".join(
        f"{value} for {name!r}"
        for index, (name, value) in enumerate(
            zip(catalog.classes, catalog.mask_values, strict=True), 1
        )
        if index in shown
    )
    return [
        f"{catalog.root / void[0]}: found 0 and 255 alone in it, and no class in any of the "
        f"{len(masks)} masks, expected {expected}; 255 is void, which is not scored: write the "
        "value of the class for it, or leave the masks out with `masks: ''`"
    ]


def _named(catalog: Catalog, records: dict[str, ImageRecord]) -> dict[str, set[int]]:
    """File -> the label indices that the labels of its photograph name."""
    return {file: set(catalog.indices(record)) for file, record in records.items() if file}


def _held(present: Sequence[int]) -> set[int]:
    return set(present) - {VOID}


def dark_notes(bits: Sequence[int | None]) -> list[str]:
    """Photographs with 16 bits a channel of which a camera filled fewer; `bits` are those in use,
    None of other photographs."""
    dark = [each for each in bits if each is not None and each <= 14]
    if not dark:
        return []
    return [
        f"{len(dark)} photographs of 16 bits a channel have no value above {2 ** max(dark) - 1} of "
        f"65535 and are read as all but black, up to {(2 ** max(dark) - 1) >> 8} of 255; convert "
        "them so that white is 65535"
    ]
