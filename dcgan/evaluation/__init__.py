"""Evaluation: do the synthetic images help a classifier on held-out real images, and may each class ship?"""
