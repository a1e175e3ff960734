"""Text files as editors, spreadsheets and shells write them."""

import io
import json
from pathlib import Path

from bes.errors import BesError


def read_text(path: Path, expected: str) -> str:
    """The text of a file in UTF-8, or in the UTF-16 that Excel and PowerShell write, without its
    byte order mark.

    Raises BesError if it cannot be read so; `expected` says what it should have been.
    """
    try:
        content = path.read_bytes()
        if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
            raise BesError(f"{path}: found a workbook, expected {expected}: save it as one")
        return content.decode(json.detect_encoding(content))
    except FileNotFoundError:
        raise BesError(f"{path}: no such file, expected {expected}") from None
    except OSError as error:
        raise BesError(f"{path}: cannot be read ({error.strerror}), expected {expected}") from None
    except UnicodeDecodeError as error:
        raise BesError(
            f"{path}: not {expected} in UTF-8 or UTF-16 ({error}); save it in one of these, which "
            "spreadsheets call 'CSV UTF-8' and 'Unicode text'"
        ) from None


def read_lines(path: Path, expected: str) -> list[str]:
    """The lines of `read_text` as files have them: text may hold other characters that end one."""
    return list(io.StringIO(read_text(path, expected), newline=None))
