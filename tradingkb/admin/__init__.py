"""Administration: the lifecycle of trials, and the upkeep of the index derived from them."""
