"""Generation: candidate images from a trained generator, by index, and their PNG files."""
