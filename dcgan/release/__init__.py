"""Releases: immutable, self-describing datasets of synthetic images, and how to read them.

<run id>/
├── images/<class>/<image id>.png     shipped classes only; or shards/, see formats.py
├── models/<class>.npz                what made them
├── base/                             the shared base, if `outputs.base` says so
├── manifest.parquet, manifest.csv    one row per image
├── metadata.jsonl                    the same for Hugging Face's image folder
├── croissant.json                    the same for programs that read MLCommons' Croissant
├── release.json                      config, versions, seeds, verdicts, checksum of every file but images
├── release.sha256                    checksum of release.json
├── report.html                       for people
└── README.md                         dataset card
"""
