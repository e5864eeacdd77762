"""Prefect: the nightly flow, its tasks, and how it is served. The work itself is in `dcgan`."""
