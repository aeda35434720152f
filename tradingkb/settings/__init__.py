"""Every setting, one class per reader."""

from tradingkb.settings.model import Settings, describe, load_settings

__all__ = ["Settings", "describe", "load_settings"]
