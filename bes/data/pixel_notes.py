"""What is odd about the pixels of a dataset: masks and corrections that contradict the labels, dark
photographs."""

from collections.abc import Mapping, Sequence

from bes.data.manifest import VOID, Catalog, ImageRecord
from bes.data.mask_numbers import advice, voc_numbers
from bes.storage.words import counted

Present = Mapping[str, Sequence[int]]
"""File -> the label indices in it, 255 among them where there is void."""
Masks = Mapping[str, set[int]]
"""File -> the label indices that the labels of its photograph name."""


def mask_notes(catalog: Catalog, records: Sequence[ImageRecord], present: Present) -> list[str]:
    """Masks that hold more than the labels name, masks that hold less, those and corrections that
    hold void alone, and classes that labels name and no mask holds."""
    notes = []
    masks = _masks(catalog, records)
    if foreign := _count_foreign(masks, present):
        notes.append(
            f"{foreign} of {len(masks)} masks hold a class that the labels do not name; if that is "
            "unexpected, give `classes` with their values in the masks"
        )
    if lacking := sum(not named <= _held(present[file]) for file, named in masks.items()):
        notes.append(f"{lacking} of {len(masks)} masks lack a class that the labels name")
    corrections = {r.correction: set(catalog.indices(r)) for r in records if r.correction}
    for files, what in ((masks, "masks"), (corrections, "corrections")):
        if void := sum(bool(named) and present[f] == [VOID] for f, named in files.items()):
            notes.append(
                f"{void} of {len(files)} {what} hold 0 and 255 alone; 255 is void, which is "
                "neither learnt nor scored: write the value of the class for an object"
            )
    held = set().union(*(_held(present[file]) for file in masks))
    for index, name in enumerate(catalog.classes, 1):
        count = sum(index in named for named in masks.values())
        if count and index not in held:
            notes.append(
                f"no mask of {count} whose labels name {name!r} holds its value, "
                f"{catalog.mask_values[index - 1]}: it is not scored"
            )
    return notes


def mask_problems(
    catalog: Catalog, records: Sequence[ImageRecord], present: Present, *, declared: bool
) -> list[str]:
    """Masks that mean something else than they say, and so would give wrong scores; `declared` says
    whether somebody gave the values of the classes in them."""
    masks = _masks(catalog, records)
    void = _void_masks(catalog, masks, present)
    return void or ([] if declared else _voc_masks(catalog, masks, present))


def _voc_masks(catalog: Catalog, masks: Masks, present: Present) -> list[str]:
    """The problem of masks that contradict the labels, and would not with PASCAL VOC's numbers."""
    foreign, voc = _count_foreign(masks, present), voc_numbers(catalog.classes)
    if not foreign or not voc:
        return []
    if any(not _held(present[f]) <= {voc[i - 1] for i in named} for f, named in masks.items()):
        return []
    return [
        f"{catalog.root}: {foreign} of {len(masks)} masks hold a class that the labels do not "
        f"name, and none if they have PASCAL VOC's numbers; {advice(catalog.classes)}"
    ]


def _void_masks(catalog: Catalog, masks: Masks, present: Present) -> list[str]:
    """The problem of masks in which 255 stands for the object, as in masks of two colours: it is
    void, and no object would be scored."""
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


def strange_corrections(
    catalog: Catalog, records: Sequence[ImageRecord], present: Present
) -> list[str]:
    """What is wrong with corrections that hold another class than the labels of their photograph
    name."""
    problems = []
    for record in [record for record in records if record.correction]:
        indices = catalog.indices(record)
        expected = ", ".join(f"{index} {catalog.classes[index - 1]}" for index in indices)
        problems += [
            f"{catalog.root / record.correction}: found the label {index} "
            f"({catalog.classes[index - 1]}), expected 0, 255 or a class that the label table "
            f"names for {record.id!r}: {expected or 'none'}"
            for index in sorted(_held(present[record.correction]).difference(indices))
        ]
    return problems


def _masks(catalog: Catalog, records: Sequence[ImageRecord]) -> Masks:
    return {record.mask: set(catalog.indices(record)) for record in records if record.mask}


def _count_foreign(masks: Masks, present: Present) -> int:
    """How many masks hold a class that the labels do not name."""
    return sum(not _held(present[file]) <= named for file, named in masks.items())


def _held(present: Sequence[int]) -> set[int]:
    return set(present) - {VOID}


def twin_notes(records: Sequence[ImageRecord]) -> list[str]:
    """Photographs to train on that are held out too, or trained on twice, under another name."""
    notes = []
    held_out = {record.digest: record for record in records if record.held_out}
    train = [record for record in records if not record.held_out]
    if twins := [record for record in train if record.digest in held_out]:
        other = held_out[twins[0].digest]
        notes.append(
            f"{counted(len(twins), 'training photograph')} equal to one of {other.split}, such as "
            f"{twins[0].path} as {other.path}; expected others, or scores of {other.split} are too "
            "high"
        )
    first: dict[str, ImageRecord] = {}
    again = [(first[r.digest], r) for r in train if first.setdefault(r.digest, r) is not r]
    if again:
        differ = [(one, other) for one, other in again if one.labels != other.labels]
        one, other = (differ or again)[0]
        notes.append(
            f"{counted(len(again), 'training photograph')} equal to another one"
            + f", {len(differ)} with other labels" * bool(differ)
            + f", such as {other.path} as {one.path}; expected each once"
        )
    return notes


def dark_notes(bits: Sequence[int | None], bit_depth: int) -> list[str]:
    """Photographs with 16 bits a channel of which a camera filled less than `bit_depth` says.

    `bits` are those in use, None of other photographs.
    """
    dark = [each for each in bits if each is not None and each <= bit_depth - 2]
    if not dark:
        return []
    return [
        f"{counted(len(dark), 'photograph')} of 16 bits a channel without a value above "
        f"{2 ** max(dark) - 1} of {2**bit_depth - 1}, read as all but black; say how many bits are "
        f"in use with dataset.bit_depth, such as {max(*dark, 9)}"
    ]
