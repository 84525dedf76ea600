"""What detectors found in the photos that they are judged by, and what of it was faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from train.detector.comparing import comparison_table, measure, measure_worse
from train.detector.judging import judge
from train.detector.looking import Finds
from train.detector.matching import Found
from train.detector.photos import Photo
from train.detector.worse import AS_THEY_ARE


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """Photos, and what each of some detectors found in them; the first is what is asked about."""

    photos: Sequence[Photo]
    found: Finds
    worse: Mapping[str, Finds]
    """In the same photos made worse, by the condition's name."""
    thresholds: Mapping[str, float]
    """The score from which each detector, as it is used, reports a face."""

    def conditions(self, name: str) -> dict[str, list[Found]]:
        """What a detector found in the photos as they are, and made worse."""
        every = {AS_THEY_ARE: self.found, **self.worse}
        return {how: finds[name] for how, finds in every.items()}

    def measured(self, subject: str) -> dict[str, Any]:
        """The figures of all detectors as metrics.json holds them.

        Args:
            subject: what the first is called there.
        """
        names = dict(zip(self.found, [subject, *list(self.found)[1:]], strict=True))
        return {
            **{names[one]: measure(self.found[one], self.thresholds[one]) for one in names},
            "made_worse": {
                names[one]: measure_worse(
                    {how: finds[one] for how, finds in self.worse.items()}, self.thresholds[one]
                )
                for one in names
            },
        }

    def table(self) -> str:
        """Recall by size and class, and average precision, as text."""
        return comparison_table({name: judge(one) for name, one in self.found.items()})
