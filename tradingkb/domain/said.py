"""What a step of an answer has to say beside its result."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Said:
    """Codes and sentences that a step found; steps are added up in their order.

    Attributes:
        reasons: codes that explain the status.
        warnings: codes of caveats that do not change it by themselves.
        notes: sentences with the details behind codes.
    """

    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __add__(self, other: Said) -> Said:
        return Said(
            self.reasons + other.reasons,
            self.warnings + other.warnings,
            self.notes + other.notes,
        )
