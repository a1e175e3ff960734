"""Which photographs a training step sees, and at which learning rate."""

import pytest

from bes.training.schedule import TrainingOptions, batches, poly, total_steps


def drawn(**changes: int) -> list[list[tuple[int, int, int]]]:
    arguments = {"batch_size": 4, "first": 0, "steps": 10, "seed": 0}
    return list(batches(23, **(arguments | changes)))


def photographs(chosen: list[list[tuple[int, int, int]]]) -> list[int]:
    return [photograph for batch in chosen for photograph, _, _ in batch]


def test_an_epoch_shows_each_photograph_at_most_once() -> None:
    first, second = photographs(drawn()[:5]), photographs(drawn()[5:])
    for epoch in (first, second):
        assert len(set(epoch)) == 20 and set(epoch) < set(range(23))
    assert first != second


def test_an_epoch_of_whole_batches_is_a_permutation() -> None:
    epoch = list(batches(24, batch_size=6, first=4, steps=8, seed=1))
    assert sorted(photographs(epoch)) == list(range(24))


def test_a_batch_larger_than_the_dataset_repeats_it_evenly() -> None:
    (batch,) = batches(3, batch_size=7, first=0, steps=1, seed=0)
    counts = [photographs([batch]).count(photograph) for photograph in range(3)]
    assert sorted(counts) == [2, 2, 3]


@pytest.mark.parametrize("first", range(1, 11))
def test_a_resumed_training_sees_the_batches_it_would_have_seen(first: int) -> None:
    assert drawn(first=first) == drawn()[first:]


def test_a_view_is_named_by_photograph_step_and_position() -> None:
    for step, batch in enumerate(drawn()):
        assert [place for _, *place in batch] == [[step, position] for position in range(4)]


def test_another_seed_is_another_order() -> None:
    assert photographs(drawn(seed=1)) != photographs(drawn())
    assert drawn() == drawn()


def test_iterations_come_before_epochs_and_there_is_at_least_one() -> None:
    assert total_steps(TrainingOptions(epochs=2.5, batch_size=4), 23) == 12
    assert total_steps(TrainingOptions(epochs=0.55, batch_size=4), 23) == 3  # of 2.75
    assert total_steps(TrainingOptions(epochs=2.5, batch_size=4, iterations=7), 23) == 7
    assert total_steps(TrainingOptions(epochs=0.01, batch_size=4), 23) == 1
    assert total_steps(TrainingOptions(epochs=3, batch_size=16), 5) == 3


def test_the_learning_rate_falls_from_its_start_towards_zero() -> None:
    factors = [poly(step, steps=10, power=0.9) for step in range(10)]
    assert factors[0] == 1 and factors == sorted(factors, reverse=True)
    assert factors[9] == pytest.approx(0.1**0.9)
