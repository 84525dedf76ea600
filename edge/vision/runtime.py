"""The seam to the TFLite runtime: LiteRT, or tflite-runtime where LiteRT has no wheel."""

import time
from collections.abc import Callable
from typing import Any

from edge.errors import MaskGateError

Interpreter = Any
"""LiteRT's or tflite-runtime's Interpreter; both have the same methods."""


def _interpreter_class() -> Callable[..., Interpreter]:
    try:
        from ai_edge_litert.interpreter import Interpreter as LiteRt

        return LiteRt  # type: ignore[no-any-return]
    except ImportError:
        pass
    try:
        from tflite_runtime.interpreter import Interpreter as TfLiteRuntime

        return TfLiteRuntime  # type: ignore[no-any-return]
    except ImportError:
        raise MaskGateError(
            "no TFLite runtime is installed: expected ai-edge-litert or tflite-runtime; "
            "run 'pip install maskgate[edge]'"
        ) from None


def open_model(content: bytes, name: str, threads: int = 1) -> Interpreter:
    """Make an interpreter of a TFLite file's content, tensors not yet allocated.

    Args:
        content: the .tflite file.
        name: what the model is called in an error message.
        threads: CPU threads, 1 or more.

    Raises:
        MaskGateError: no runtime is installed, or the content is no model that it can run.
    """
    make = _interpreter_class()
    try:
        return make(model_content=content, num_threads=threads)
    except (ValueError, RuntimeError) as error:
        raise MaskGateError(f"model {name}: the runtime refuses it ({error})") from error


class InvokeClock:
    """Adds up the time spent inside interpreters, for the benchmark and the health report."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """Since the start of the process; differences mean something."""

    def invoke(self, interpreter: Interpreter) -> None:
        """Run a model whose input tensors are filled."""
        start = time.perf_counter()
        interpreter.invoke()
        self.seconds += time.perf_counter() - start
