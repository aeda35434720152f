"""How much one workspace may ask: in any minute, and at once."""

from tradingkb.limits.slots import MemorySlots, Slots
from tradingkb.limits.windows import MemoryWindows, Take, Windows
from tradingkb.limits.workspace import READS, Admission, WorkspaceLimits

__all__ = [
    "READS",
    "Admission",
    "MemorySlots",
    "MemoryWindows",
    "Slots",
    "Take",
    "Windows",
    "WorkspaceLimits",
]
