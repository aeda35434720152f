"""Imported last by what tests are forked from: the collector of garbage leaves all of that alone.

It would write into every page of memory that the forks share, and each would get its own.
"""

import gc

gc.collect()
gc.freeze()
