"""Masks with numbers of their own: what to say where nothing declares them."""

from bes.data.folder import VOC_CLASSES


def voc_numbers(classes: tuple[str, ...]) -> tuple[int, ...]:
    """The numbers of the classes in masks of PASCAL VOC; none unless all are VOC's."""
    numbers = {name: number for number, name in enumerate(VOC_CLASSES, 1)}
    return tuple(numbers[name] for name in classes) if numbers.keys() >= set(classes) else ()


def advice(classes: tuple[str, ...]) -> str:
    """What to add to the configuration where the masks do not have 1, 2, 3..."""
    if voc := voc_numbers(classes):
        line = ", ".join(f"{name}={number}" for name, number in zip(classes, voc, strict=True))
        return f"if the masks have PASCAL VOC's numbers, give `classes: [{line}]`"
    return (
        f"if the masks have other numbers, give them with `classes: [{classes[0]}=NUMBER, ...]`, "
        "every class with its own"
    )
