"""Pieces of sentences that more than one place says."""


def counted(number: int, noun: str) -> str:
    """`1 photograph`, `2 photographs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(error: Exception) -> str:
    """What an exception says, on one line, or its name where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
