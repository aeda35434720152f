"""What HTML that holds outputs of a notebook may do, wherever it is shown."""

from __future__ import annotations

from typing import Final

#: A Content-Security-Policy: it runs the scripts that it brought along, and asks nobody.
REPORT_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
