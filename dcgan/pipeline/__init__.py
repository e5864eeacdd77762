"""The stages of a run, from catalogue to release: who performs them, and what a night reuses of earlier ones."""
