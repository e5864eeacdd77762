"""How work is executed: worker processes, devices, determinism, randomness and progress."""
