"""A PNG without what its pixels do not depend on: texts, profiles, dates."""

import zlib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_BIT_DEPTH = 24
"""Where its header has the bits of a channel."""
_OF_DISPLAY = (b"tRNS", b"eXIf")
"""Transparency and rotation: chunks that a reader may do without, but that change what it shows."""


def pixels_of_png(content: bytes) -> bytes:
    """The chunks that are displayed; empty where the bytes are no PNG.

    Viewers pass over a text with a wrong checksum, and over one that is too long for them.
    """
    if not content.startswith(PNG_SIGNATURE):
        return b""
    kept, start = [PNG_SIGNATURE], len(PNG_SIGNATURE)
    while start < len(content):
        length = int.from_bytes(content[start : start + 4])
        chunk = content[start : start + length + 12]
        start += len(chunk)
        # A small letter says that a reader may do without.
        if not chunk[4:5].islower() or (chunk[4:8] in _OF_DISPLAY and _is_sound(chunk)):
            kept.append(chunk)
    return b"".join(kept)


def _is_sound(chunk: bytes) -> bool:
    return zlib.crc32(chunk[4:-4]).to_bytes(4) == chunk[-4:]
