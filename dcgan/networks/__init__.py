"""Networks: generator and discriminator, the classifiers, and the batches and augmentations that they see."""
