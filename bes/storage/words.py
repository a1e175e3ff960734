"""Numbers with their nouns, as a sentence has them."""


def counted(number: int, noun: str) -> str:
    """`1 photograph`, `2 photographs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
