"""What jobs ask for: GPUs, threads, memory and time."""

from bes.incremental.device import has_gpu


def gpus(count=1):
    """The GPUs that a job asks for."""
    return 0 if PROJECT.settings.device == "cpu" else count


def threads_around_network():
    """The threads of a job that runs photographs through a network. On a GPU a few read and write
    around it, and the other cores are left to the dense CRF of shards that are further on.
    """
    device = PROJECT.settings.device
    on_gpu = device == "cuda" or (device == "auto" and has_gpu())
    return 4 if on_gpu else 8


def more(amount):
    """An amount of memory or time, and more of it at each further attempt: a job that was killed
    for it would be killed again. Enough for 10,000 photographs at the sizes of the presets.
    """
    return lambda wildcards, attempt: amount * attempt
