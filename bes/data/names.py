"""Names as people type them, cleaned of what nobody sees; two that look the same become one."""

import re
import unicodedata

# What Unicode lets a program show as nothing: soft hyphens, joiners, marks of direction, byte order
# marks, selectors of a variant, tags.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff]"
)

_LOOK_THE_SAME = str.maketrans(
    "\u0430\u0432\u0435\u0456\u0458\u043a\u043c\u043d\u043e\u0440\u0441\u0455\u0442\u0443\u0445"
    "\u03b1\u03b2\u03b5\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "abeijkmhopcstyxabehiknoptyx",
)
"""Small letters of Cyrillic and Greek that are a Latin one to the eye, some in capitals alone."""


def clean(text: str) -> str:
    """A name in one spelling: Unicode's NFC, no invisible characters, none but single spaces inside
    and none at the ends; a space is white space of any kind, that which does not break included."""
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).split())


def is_name(name: str) -> bool:
    """Whether a name can be written and shown: JSON may hold half a character, or a NUL."""
    return bool(name.strip()) and not any(unicodedata.category(c) in ("Cc", "Cs") for c in name)


def alike(name: str) -> str:
    """What two names share that differ in capitals, width of the letters, spaces, hyphens,
    underscores or the alphabet of letters that look the same alone."""
    folded = unicodedata.normalize("NFKC", name).casefold().translate(_LOOK_THE_SAME)
    return re.sub(r"[\s_-]", "", folded) or name
