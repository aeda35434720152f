"""The benchmark: `python -m tradingkb.bench` compares this package with peers and with limits.

Every figure is a ratio to something that is measured in the same run, by turns, so that a busy
machine slows down both.
"""
