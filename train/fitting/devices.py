"""What there is to train on, and how best to use it.

With KERAS_BACKEND=jax it asks JAX; only here and in `several` this room calls TensorFlow itself.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import keras

from edge.errors import MaskGateError

FLOAT32 = "float32"


@dataclass(frozen=True, slots=True)
class Device:
    """All that one training runs on."""

    sentence: str
    """Says it to a person."""
    precision: str
    """The Keras dtype policy: float32, mixed_bfloat16 or mixed_float16."""
    xla: bool
    """Whether XLA compiles the steps: on one GPU, and with JAX. TensorFlow on a CPU is faster
    without (a step of compact 13 %), and several devices cannot have it (Keras 3.15)."""
    strategy: Any = None
    """The tf.distribute strategy where there are several devices; None for one."""
    worker: int = 0
    """Number of this machine among several; 0 is the chief, which alone writes the run."""

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Build and compile models for this device."""
        keras.config.set_dtype_policy(self.precision)
        try:
            if self.strategy is None:
                yield
            else:
                with self.strategy.scope():
                    yield
        finally:
            keras.config.set_dtype_policy(FLOAT32)


@cache
def find_device() -> Device:
    """Look what there is to train on.

    To be asked before anything else is done with TensorFlow, which joins the other machines only
    at the start. Several machines are named by TF_CONFIG, as TensorFlow wants it.

    Raises:
        MaskGateError: TF_CONFIG is not what TensorFlow wants, or the backend cannot use several
            machines.
    """
    machines, worker = _cluster(os.environ.get("TF_CONFIG", ""))
    # GPUs add up in whatever order is fastest unless told; CPUs do not.
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_gpu_deterministic_ops=true"
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _tensorflow_device(machines, worker)
    if machines > 1:
        raise MaskGateError(
            f"TF_CONFIG: several machines need the TensorFlow backend, not {backend}"
        )
    if backend == "jax":
        return _jax_device()
    raise MaskGateError(f"KERAS_BACKEND: expected tensorflow or jax, found {backend}")


def _tensorflow_device(machines: int, worker: int) -> Device:
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        # Leave the rest to others that use the same GPU.
        tf.config.experimental.set_memory_growth(gpu, True)  # noqa: FBT003 - TensorFlow's own
    details = [tf.config.experimental.get_device_details(gpu) for gpu in gpus]
    precision = _precision([one.get("compute_capability", (0, 0))[0] for one in details])
    names = [one.get("device_name", "GPU") for one in details]
    if gpus and max(machines, len(gpus)) > 1:
        # Not for one: what XLA compiles has its flag, and Keras would not let XLA compile.
        tf.config.experimental.enable_op_determinism()
    if machines > 1:
        sentence = f"training on {machines} machines, this is worker {worker}: {_named(names)}"
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        return Device(sentence, precision, xla=False, strategy=strategy, worker=worker)
    # Logical ones, for a device may have been divided.
    many = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if len(many) > 1:
        strategy = tf.distribute.MirroredStrategy([one.name for one in many])
        sentence = f"training on {_named(names) if gpus else f'{len(many)} parts of the CPU'}"
        return Device(sentence, precision, xla=False, strategy=strategy)
    return Device(f"training on {_named(names)}", precision, xla=bool(gpus))


def _jax_device() -> Device:
    import jax

    # One is enough: the small models here gain nothing from more, and JAX has no strategies.
    first = jax.devices()[0]
    if first.platform != "gpu":
        return Device(f"training on {_named([])}", FLOAT32, xla=True)
    precision = _precision([int(float(getattr(first, "compute_capability", 0)))])
    return Device(f"training on {_named([first.device_kind])}", precision, xla=True)


def _named(gpus: list[str]) -> str:
    if gpus:
        return f"{len(gpus)} GPU{'s' * (len(gpus) > 1)}: {', '.join(sorted(set(gpus)))}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"the CPU, {cores} cores"


def _precision(capabilities: list[int]) -> str:
    """Choose the numbers by the GPUs' CUDA compute capability (its major number).

    From 7 on GPUs multiply float16 in tensor cores, from 8 on bfloat16 as well, which needs no
    loss scaling (NVIDIA, CUDA C++ Programming Guide, compute capabilities).
    """
    weakest = min(capabilities, default=0)
    return "mixed_bfloat16" if weakest >= 8 else "mixed_float16" if weakest == 7 else FLOAT32


def _cluster(text: str) -> tuple[int, int]:
    """Give the number of machines and which of them this is."""
    if not text:
        return 1, 0
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        machines, worker = len(workers), int(task["index"])
        if task["type"] != "worker" or not 0 <= worker < machines:
            raise ValueError(f"task {task}")
    except (ValueError, KeyError, TypeError) as error:
        raise MaskGateError(
            'TF_CONFIG: expected {"cluster": {"worker": ["host:port", …]}, "task": {"type": '
            f'"worker", "index": 0}}}}; {type(error).__name__} {error}'
        ) from error
    return machines, worker
