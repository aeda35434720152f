"""The command line: `tradingkb`."""

from tradingkb.cli.app import main

__all__ = ["main"]
