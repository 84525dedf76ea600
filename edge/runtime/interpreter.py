"""The seam to the TFLite runtime: LiteRT, or tflite-runtime where LiteRT has no wheel."""

import ctypes
from importlib import import_module
from importlib.metadata import version
from typing import Any

from edge.errors import MaskGateError

RUNTIMES = {"ai-edge-litert": "ai_edge_litert", "tflite-runtime": "tflite_runtime"}
"""Distribution and module of each, the preferred one first."""

DELEGATE_FUNCTIONS = ("tflite_plugin_create_delegate", "tflite_plugin_destroy_delegate")
"""What every external delegate has (TensorFlow's tensorflow/lite/delegates/external)."""

Interpreter = Any
"""LiteRT's or tflite-runtime's Interpreter; both have the same methods."""


def runtime_name() -> str:
    """Name the runtime that is used, with its version, e.g. "ai-edge-litert 2.3.0".

    Raises:
        MaskGateError: no runtime is installed.
    """
    distribution, _ = _runtime()
    return f"{distribution} {version(distribution)}"


def open_interpreter(
    content: bytes, name: str, threads: int = 1, delegate: str | None = None
) -> Interpreter:
    """Make an interpreter of a TFLite file's content, tensors not yet allocated.

    Args:
        content: the .tflite file.
        name: what the model is called in an error message.
        threads: CPU threads, 1 or more.
        delegate: an external delegate's library, which gets the model's operations.

    Raises:
        MaskGateError: no runtime is installed, the delegate cannot be loaded, or the content is no
            model that they can run.
    """
    _, module = _runtime()
    delegates = [_load_delegate(module, delegate)] if delegate else None
    try:
        return module.Interpreter(
            model_content=content, num_threads=threads, experimental_delegates=delegates
        )
    except (ValueError, RuntimeError) as error:
        raise MaskGateError(f"model {name}: the runtime refuses it ({_line(error)})") from error


def _runtime() -> tuple[str, Any]:
    for distribution, package in RUNTIMES.items():
        try:
            return distribution, import_module(f"{package}.interpreter")
        except ImportError:
            continue
    raise MaskGateError(
        f"no TFLite runtime is installed: expected {' or '.join(RUNTIMES)}; "
        "run 'pip install maskgate[edge]'"
    )


def _load_delegate(module: Any, library: str) -> Any:
    try:
        # First by itself: where something is missing, LiteRT's own object complains at its end.
        loaded = ctypes.CDLL(library)
        for function in DELEGATE_FUNCTIONS:
            getattr(loaded, function)
        return module.load_delegate(library)
    except (OSError, ValueError, RuntimeError, AttributeError) as error:
        raise MaskGateError(
            f"delegate {library}: it cannot be loaded ({_line(error)}); expected a TFLite external "
            "delegate for this processor"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
