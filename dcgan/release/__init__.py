"""Releases: immutable, self-describing datasets of synthetic images, and how to read them.

<run id>/
├── images/<class>/<image id>.png     shipped classes only
├── models/<class>.npz                what made them
├── manifest.parquet, manifest.csv    one row per image
├── metadata.csv                      the same for Hugging Face's image folder
├── release.json                      config, versions, seeds, verdicts, checksum of every file
├── report.html                       for people
└── README.md                         dataset card
"""
