"""The one error that is the user's to mend."""


class BesError(Exception):
    """Bad input. The message is one sentence: where, what was found and what was expected.

    The CLI prints it alone and exits with status 2.
    """
