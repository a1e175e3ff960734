"""What the operating system refused, in a sentence."""

import errno
import os

REFUSALS = {
    errno.ENOSPC: "no space left on the device; free some and run again",
    errno.EDQUOT: "the disk quota is used up; free some and run again",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the device reports an input/output error",
    errno.ESTALE: "the network file system lost the file; run again",
    errno.ENOTDIR: "expected a folder where there is a file",
    errno.EEXIST: "expected a folder where there is a file",
    errno.EISDIR: "expected a file where there is a folder",
    errno.ENAMETOOLONG: "the name is too long for the file system",
}
"""What a user can mend. Any other error is ours, and its traceback is wanted."""


def refusal(error: OSError) -> str | None:
    """`<file>: <what was wrong>`, or None for an error that users cannot mend."""
    if error.errno not in REFUSALS:
        return None
    return f"{error.filename or os.getcwd()}: {REFUSALS[error.errno]}"
