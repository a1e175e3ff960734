"""Pieces of sentences that more than one place says; no result depends on them."""


def counted(number: int, noun: str) -> str:
    """`1 photograph`, `2 photographs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(error: Exception) -> str:
    """What an exception says, on one line, or its name where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def first_line(error: Exception) -> str:
    """The first line of what an exception says, or its name where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def not_downloaded(name: str, *, expected: str, address: str, error: Exception) -> str:
    """What to tell a user whose pretrained weights could not be had."""
    return (
        f"{name}: weights 'imagenet': could not get {expected} from {address} "
        f"({first_line(error)}); give the path of a state-dict file as weights instead"
    )


def picture_of(formats: tuple[str, ...]) -> str:
    """A picture of one of Pillow's formats."""
    return "a PNG" if formats == ("PNG",) else f"a picture ({', '.join(formats)})"


def pixels_of(mode: str) -> str:
    """The pixels of a picture of one of Pillow's modes."""
    return {
        "1": "1-bit pixels",
        "P": "a palette",
        "RGB": "RGB colours",
        "RGBA": "RGB colours with alpha",
        "LA": "grey with alpha",
        "I;16": "16-bit grey",
        "I": "16-bit grey",
    }.get(mode, f"mode {mode}")


def convert(*, heic: bool) -> str:
    """What to do with photographs that are not read, some of which are HEIC."""
    return "convert to JPEG" + (", or install `pillow-heif` for HEIC" if heic else "")
