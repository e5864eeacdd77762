"""One run of a job: where its files stand, its plan and budget, what became of it, and the history of all runs."""
