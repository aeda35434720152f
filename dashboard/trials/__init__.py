"""Parts of the page of trials: the parameter grid, the density, the list, one trial, a change."""
