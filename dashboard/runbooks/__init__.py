"""Parts of the page of runbooks: the form, one run, the list of runs, and the schedules."""
