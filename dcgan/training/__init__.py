"""Training: one shared base on all classes pooled, then one DCGAN per class that starts from it."""
