"""Names as people type them, cleaned of what nobody sees; two that look the same become one."""

import re
import unicodedata

# What Unicode lets a program show as nothing: soft hyphens, joiners, marks of direction, byte order
# marks, selectors of a variant, tags.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff]"
)


def clean(text: str) -> str:
    """A name in one spelling: Unicode's NFC, no invisible characters, none but single spaces inside
    and none at the ends; a space is white space of any kind, that which does not break included."""
    return " ".join(unicodedata.normalize("NFC", _INVISIBLE.sub("", text)).split())


def is_name(name: str) -> bool:
    """Whether a name can be written and shown: JSON may hold half a character, or a NUL."""
    return bool(name.strip()) and not any(unicodedata.category(c) in ("Cc", "Cs") for c in name)


def alike(name: str) -> str:
    """What two names share that differ in capitals, width of the letters, spaces, hyphens or
    underscores alone."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\s_-]", "", folded) or name
