"""Opens the nets of a bundle where they run best, and on the CPU from when that fails."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle, Form
from edge.errors import MaskGateError
from edge.runtime.accelerator import Accelerator
from edge.runtime.model import Model, open_model

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Way:
    """A way to run the nets of a bundle."""

    accelerator: Accelerator
    form: Form


class Nets(Protocol):
    """Whatever opens nets by name."""

    form: Form

    def open(self, net: str, name: str, size: tuple[int, int] | None = None) -> Model:
        """Make a net ready to run, for pictures of a size (width, height)."""
        ...


class Processor:
    """Opens the nets of one bundle, all in the same way.

    Once the accelerator fails, be it in opening or in running, all of them go on with the CPU, and
    what was being computed is computed again: nothing is lost but time.
    """

    def __init__(
        self,
        bundle: Bundle,
        way: Way,
        reserve: Way,
        report: Callable[[str | None], None] = lambda _: None,
    ) -> None:
        """Remember the ways; nothing is opened yet.

        Args:
            bundle: whose nets.
            way: how to run them.
            reserve: on the CPU; how to run them when that fails.
            report: told None when the first net has run on the accelerator, and why, in one line,
                when the accelerator has failed; neither for a way on the CPU.
        """
        self.form = reserve.form
        """The form that the bundle or the settings ask for; an accelerator may have another."""
        self.failed = False
        """Whether the accelerator has failed."""
        self._bundle, self._way, self._reserve = bundle, way, reserve
        self._report, self._reported = report, False
        self._contents: dict[tuple[str, Form], bytes] = {}

    @property
    def on_cpu(self) -> bool:
        """Whether the CPU is what was chosen, so that opening a net once more is a small matter.

        A GPU takes seconds and its own memory for it.
        """
        return self._way.accelerator.kind == "cpu"

    def open(self, net: str, name: str, size: tuple[int, int] | None = None) -> Model:
        """Make a net ready to run.

        Args:
            net: its name in the bundle.
            name: what it is called in an error message.
            size: (width, height) of the pictures; the net's own when None.

        Raises:
            MaskGateError: the bundle lacks it, its file is damaged, or the CPU cannot run it.
        """
        spare = self._content(net, self._reserve.form)

        def on_the_cpu() -> Model:
            return open_model(spare, name, self._reserve.accelerator, size)

        if self._way.accelerator.kind == "cpu" or self.failed:
            return on_the_cpu()
        content = self._content(net, self._way.form)
        try:
            model = open_model(content, name, self._way.accelerator, size)
            model.run()
        except (MaskGateError, RuntimeError) as error:
            self.fail(error)
            return on_the_cpu()
        if not self._reported:
            self._reported = True
            self._report(None)
        return _Fallible(model, on_the_cpu, self)

    def fail(self, error: Exception) -> None:
        """Give the accelerator up; says so once."""
        if self.failed:
            return
        self.failed = True
        reason = " ".join(str(error).split())
        log.warning(
            "bundle %s: %s fails (%s); going on with %s",
            self._bundle.manifest.name,
            self._way.accelerator,
            reason,
            self._reserve.accelerator,
        )
        self._report(reason)

    def _content(self, net: str, form: Form) -> bytes:
        if (net, form) not in self._contents:
            self._contents[net, form] = self._bundle.model(net, form)
        return self._contents[net, form]


def on_cpu(bundle: Bundle, threads: int | None = None, form: Form | None = None) -> Processor:
    """Run the nets of a bundle on the CPU, without measuring anything.

    Args:
        bundle: whose nets.
        threads: 1 when None.
        form: the bundle's default when None.
    """
    way = Way(Accelerator("cpu", threads or 1), form or bundle.manifest.default_form)
    return Processor(bundle, way, way)


class _Fallible:
    """A net on an accelerator, until that fails; then the same net on the CPU."""

    def __init__(self, model: Model, on_the_cpu: Callable[[], Model], processor: Processor) -> None:
        self.given, self.taken = model.given, model.taken
        self._model: Model | None = model
        self._on_the_cpu, self._processor = on_the_cpu, processor

    def room(self) -> NDArray[Any]:
        return self._room if self._model is None else self._model.room()

    def run(self) -> NDArray[Any]:
        if self._model is not None:
            if not self._processor.failed:
                try:
                    return self._model.run()
                except RuntimeError as error:
                    self._processor.fail(error)
            self._room = np.array(self._model.room())
            self._spare, self._model = self._on_the_cpu(), None
        # The net on the CPU may be of another form, and take and give other numbers.
        spare = self._spare
        spare.room()[...] = spare.given.numbers(self.given.values(self._room))
        return self.taken.numbers(spare.taken.values(spare.run()))
