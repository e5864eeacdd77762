"""`croissant.json`: a release described for programs, by MLCommons' Croissant 1.0.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from dcgan.config import ResolvedJob
from dcgan.release.manifest import SCHEMA
from dcgan.run.records import RunSummary

LICENSE = (
    "Not known. Rights in the real images that the models were trained on may extend to these images, and "
    "dcgan-augment does not know the licence of those."
)
MEDIA_TYPES = {
    "manifest.parquet": "application/x-parquet",
    "manifest.csv": "text/csv",
    "guessed.csv": "text/csv",
    "metadata.jsonl": "application/jsonlines",
    "metadata.parquet": "application/x-parquet",
    "report.html": "text/html",
    "README.md": "text/markdown",
}
_SHARD_TYPES = {"tfrecord": "application/x-tfrecord", "webdataset": "application/x-tar"}
_DATA_TYPES = {pa.string(): "sc:Text", pa.int64(): "sc:Integer", pa.float64(): "sc:Float"}

Node = dict[str, Any]
"""A node of JSON-LD."""

_OF_CROISSANT = [
    "citeAs", "column", "dataBiases", "dataCollection", "equivalentProperty", "extract", "field", "fileObject",
    "fileProperty", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path",
    "personalSensitiveInformation", "recordSet", "references", "regex", "repeated", "replace", "samplingRate",
    "separator", "source", "subField", "transform",
]  # fmt: skip
_CONTEXT: Node = {  # the specification's, whole: readers compare
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _OF_CROISSANT},
}


def describe(job: ResolvedJob, summary: RunSummary, files: Mapping[str, str]) -> Node:
    """The description, for JSON.

    Its record set `images` has the manifest's columns and, but for `tfrecord`, which the format does not know, the
    images themselves.

    Args:
        job: resolved.
        summary: of the run.
        files: SHA-256 of the release's files by path, those of `images/` left out.
    """
    kind = job.outputs.format
    shards = sorted(path for path in files if path.startswith("shards/"))
    distribution = [
        _file_object(path, media_type, files[path]) for path, media_type in MEDIA_TYPES.items() if path in files
    ]
    distribution += [_file_object(path, _SHARD_TYPES[kind], files[path]) for path in shards]
    if kind != "tfrecord":
        within = {"containedIn": [{"@id": path} for path in shards]} if shards else {}
        includes = "*.png" if shards else "images/*/*.png"
        distribution.append(
            {
                "@type": "cr:FileSet",
                "@id": "png",
                "name": "png",
                **within,
                "encodingFormat": "image/png",
                "includes": includes,
            }
        )
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": f"{job.name}-synthetic",
        "description": (
            f"{summary.released:,} synthetic images, made by one DCGAN per class, for image classifiers that have too "
            f"few real images of some classes. For training, never for testing. {summary.state}."
        ),
        "license": LICENSE,
        "citeAs": f"Synthetic images of job {job.name}, run {summary.run_id}, made by dcgan-augment",
        "version": f"1.0.0+{summary.run_id}",
        "datePublished": summary.finished,
        "keywords": ["synthetic", "dcgan", "data-augmentation", "image-classification"],
        "isLiveDataset": False,
        "distribution": distribution,
        "recordSet": [_classes(summary), _images(with_content=kind != "tfrecord")],
    }


def _file_object(path: str, media_type: str, sha256: str) -> Node:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "encodingFormat": media_type,
        "sha256": sha256,
    }


def _classes(summary: RunSummary) -> Node:
    """All classes of the job, those without images too."""
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "key": {"@id": "classes/name"},
        "field": [_field("classes", "name", "sc:Text"), _field("classes", "class_index", "sc:Integer")],
        "data": [
            {"classes/name": label, "classes/class_index": outcome.class_index}
            for label, outcome in summary.classes.items()
        ],
    }


def _images(*, with_content: bool) -> Node:
    """The manifest's rows, each with its image."""
    fields = [
        _field("images", column.name, _DATA_TYPES[column.type])
        | {"source": {"fileObject": {"@id": "manifest.parquet"}, "extract": {"column": column.name}}}
        for column in SCHEMA
    ]
    if with_content:
        [image_id] = (field for field in fields if field["name"] == "image_id")
        image_id["references"] = image_id["source"]
        image_id["source"] = {
            "fileSet": {"@id": "png"},
            "extract": {"fileProperty": "filename"},
            "transform": {"regex": r"^(.*?)(?:\.png)?$"},  # mlcroissant takes it to the names, and to what came of them
        }
        content = {"source": {"fileSet": {"@id": "png"}, "extract": {"fileProperty": "content"}}}
        fields.append(_field("images", "image", "sc:ImageObject") | content)
    return {
        "@type": "cr:RecordSet",
        "@id": "images",
        "name": "images",
        "key": {"@id": "images/image_id"},
        "field": fields,
    }


def _field(record_set: str, name: str, data_type: str) -> Node:
    return {"@type": "cr:Field", "@id": f"{record_set}/{name}", "name": name, "dataType": data_type}
