"""A PNG without what its pixels do not depend on: texts, profiles, dates."""

import zlib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
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
        kind, checksum = chunk[4:8], chunk[-4:]
        optional = bool(kind[:1].islower())
        sound = zlib.crc32(chunk[4:-4]).to_bytes(4) == checksum
        if not optional or (kind in _OF_DISPLAY and sound):
            kept.append(chunk)
    return b"".join(kept)
