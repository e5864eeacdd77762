"""Real images: the catalogue of what was found, the split into training and held-out ones, leakage between them."""
