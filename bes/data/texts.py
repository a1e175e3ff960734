"""Text files of the user's: UTF-8, or UTF-16 where a mark at the beginning says so."""

import codecs
import io

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode_text(content: bytes) -> str:
    """The text without the mark, which Excel and PowerShell write.

    Raises UnicodeDecodeError for any other encoding: to guess one would spell names wrong.
    """
    return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")


def lines_of(content: bytes) -> list[str]:
    """The lines of a text, however they end; raises UnicodeDecodeError as `decode_text` does."""
    return io.StringIO(decode_text(content), newline=None).read().split("\n")
