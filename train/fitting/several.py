"""Trains one model on several GPUs or several machines at once.

Keras' own `fit` cannot do it on several machines (Keras 3.15: it reduces the scalar metrics along
an axis they do not have), and hands a device that gets no rows of a last, short batch an empty
one, which puts NaN into the batch normalisation. So here is its loop, of the public methods that
it is made of, on shares of equal size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from edge.errors import MaskGateError
from train.feed.feed import Batch, Feed, Share, made_ahead

Step = Callable[[Any], None]


def fit_on_all(
    model: keras.Model,
    feed: Feed,
    validation: Feed,
    strategy: Any,
    epochs: range,
    callbacks: keras.callbacks.CallbackList,
) -> None:
    """Train a model that was built and compiled in the strategy's scope, as `fit` would.

    Raises:
        MaskGateError: the machines would not do the same number of steps, or one was lost.
    """
    import tensorflow as tf

    lost = (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.DeadlineExceededError)
    try:
        _require_agreement(strategy, (epochs.start, epochs.stop, feed.steps, validation.steps))
        _fit(model, feed, validation, strategy, epochs, callbacks)
    except lost as error:
        raise MaskGateError(
            "several machines: lost another one; start all of them again to go on after the last "
            "epoch that was done"
        ) from error


def _fit(
    model: keras.Model,
    feed: Feed,
    validation: Feed,
    strategy: Any,
    epochs: range,
    callbacks: keras.callbacks.CallbackList,
) -> None:
    train, test = _step(strategy, model.train_step), _step(strategy, model.test_step)
    shares = _shares(strategy)
    # Once outside of any graph, where variables may be made: the optimizer's and the metrics'.
    model.optimizer.build(model.trainable_variables)
    first = [validation.batch(0, 0, share) for share in shares]
    strategy.run(model.test_step, args=(_distributed(strategy, first),))
    model.stop_training = False
    with (
        made_ahead(_maker(feed, shares), feed.steps, epochs.start) as batches,
        made_ahead(_maker(validation, shares), validation.steps, 0) as held_back,
    ):
        callbacks.on_train_begin()
        for epoch in epochs:
            callbacks.on_epoch_begin(epoch)
            model.reset_metrics()
            for number in range(feed.steps):
                callbacks.on_train_batch_begin(number)
                train(_distributed(strategy, next(batches)))
                callbacks.on_train_batch_end(number)
            logs = _results(model)
            callbacks.on_test_begin()
            model.reset_metrics()
            for _ in range(validation.steps):
                test(_distributed(strategy, next(held_back)))
            tested = _results(model)
            callbacks.on_test_end(tested)
            logs |= {f"val_{name}": value for name, value in tested.items()}
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        model.optimizer.finalize_variable_values(model.trainable_variables)
        callbacks.on_train_end()


def _step(strategy: Any, one_step: Callable[[Batch], Any]) -> Step:
    import tensorflow as tf

    def on_all(batch: Any) -> None:
        strategy.run(one_step, args=(batch,))

    return tf.function(on_all, reduce_retracing=True)  # type: ignore[no-any-return]


def _shares(strategy: Any) -> list[Share]:
    """The shares of this machine's devices."""
    found: list[Share] = []

    def note(context: Any) -> int:
        found.append(Share(context.replica_id_in_sync_group, context.num_replicas_in_sync))
        return 0

    strategy.experimental_distribute_values_from_function(note)
    return found


def _maker(feed: Feed, shares: Sequence[Share]) -> Callable[[int, int], list[Batch]]:
    return lambda epoch, step: [feed.batch(epoch, step, share) for share in shares]


def _distributed(strategy: Any, batches: list[Batch]) -> Any:
    import tensorflow as tf

    tensors = [tuple(tf.convert_to_tensor(part) for part in batch) for batch in batches]
    waiting = iter(tensors)
    return strategy.experimental_distribute_values_from_function(lambda _: next(waiting))


def _results(model: keras.Model) -> dict[str, float]:
    return {name: float(value) for name, value in model.get_metrics_result().items()}


def _require_agreement(strategy: Any, numbers: tuple[int, ...]) -> None:
    """Refuse to start what could only hang, since the machines wait for each other."""
    import tensorflow as tf

    own = tf.constant([numbers], tf.int64)

    @tf.function  # type: ignore[untyped-decorator]
    def gathered() -> Any:
        return strategy.run(lambda: tf.distribute.get_replica_context().all_gather(own, axis=0))

    everywhere = np.asarray(strategy.experimental_local_results(gathered())[0])
    if (everywhere != everywhere[0]).any():
        raise MaskGateError(
            "several machines: expected the same data, settings and run folder on all of them; "
            "epoch, epochs, steps and validation steps are "
            + ", ".join(str(tuple(row)) for row in everywhere.tolist())
        )
