"""Ctrl-C."""

import signal
from collections.abc import Callable
from typing import Any


def on_interrupt(then: Callable[..., Any] | signal.Handlers | None) -> None:
    """What Ctrl-C does from here on; where it is ignored, as in the background of a script, it
    stays so."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, then)
