"""The job file: what it says is what happens, and what it cannot say is told by key, value and expectation."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from dcgan.config import (
    PRESETS,
    GenerationConfig,
    JobConfig,
    MachinesConfig,
    ResolvedJob,
    load_job,
    parse_job,
    parse_resolved,
)
from dcgan.errors import ConfigError

SMALLEST: dict[str, Any] = {"name": "signs", "data": {"source": "images"}}

counts = st.dictionaries(st.text(min_size=1, max_size=5), st.integers(1, 1000), min_size=1, max_size=6)


def written(folder: Path, values: Any) -> Path:
    file = folder / "job.yaml"
    file.write_text(yaml.safe_dump(values, allow_unicode=True), encoding="utf-8")
    return file


def refusal(values: Any) -> str:
    with pytest.raises(ConfigError) as refused:
        parse_job(values, where="job.yaml")
    return str(refused.value)


def test_everything_but_name_and_source_has_a_default(tmp_path: Path) -> None:
    job = load_job(written(tmp_path, SMALLEST))
    unset = {name for part in (job.training, job.run) for name, value in part if value is None}
    assert unset == {"base_from", "max_minutes"}  # random weights, and no budget
    assert job.training.class_steps == PRESETS["standard"].class_steps


def test_given_values_go_before_the_preset(tmp_path: Path) -> None:
    job = load_job(written(tmp_path, SMALLEST | {"training": {"preset": "quick", "width": 8, "base": False}}))
    assert (job.training.width, job.training.base) == (8, False)
    assert job.training.class_steps == PRESETS["quick"].class_steps


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"generation": {"per_class": -5}}, ["generation.per_class", "-5", "greater than or equal to 0"]),
        ({"generation": {"per_class": {"cat": -5}}}, ["generation.per_class.cat", "-5", "greater than or equal to 0"]),
        ({"generation": {"per_class": 0}}, ["generation", "0 images", "at least 1"]),
        ({"generation": {"per_class": {"cat": 0}}}, ["generation", "0 images", "at least 1"]),
        ({"generation": {"per_class": 2.5}}, ["generation.per_class", "2.5", "integer"]),
        ({"generation": {"per_class": 5, "ratio": 1.0}}, ["generation", "per_class and ratio", "keep one"]),
        ({"generation": {"balance": "max", "ratio": 1.0}}, ["generation", "balance and ratio", "keep one"]),
        ({"generation": {"per_class": 5, "balance": 9}}, ["generation", "per_class and balance", "keep one"]),
        ({"generation": {"seed": -1}}, ["generation.seed", "-1", "greater than or equal to 0"]),
        ({"generation": {"balance": "mean"}}, ["generation.balance", "'mean'", "'max' or 'median'"]),
        ({"generation": {"ratio": float("inf")}}, ["generation.ratio", "inf", "finite"]),
        ({"training": {"width": 2}}, ["training.width", "2", "greater than or equal to 4"]),
        ({"training": {"base_steps": 0}}, ["training.base_steps", "0", "greater than or equal to 1"]),
        ({"training": {"preset": "slow"}}, ["training.preset", "'slow'", "'quick', 'standard' or 'thorough'"]),
        ({"training": {"augmentation": ["zoom"]}}, ["training.augmentation.0", "'zoom'", "'translation'"]),
        ({"training": {"widht": 8}}, ["training.widht", "8", "unknown key", "width", "latent_dim"]),
        ({"data": {"source": "i", "image_size": [7, 300]}}, ["data.image_size.0", "7", "data.image_size.1", "300"]),
        ({"data": {"source": "images", "holdout": 1.5}}, ["data.holdout", "1.5", "less than 1"]),
        ({"data": {}}, ["data.source", "required"]),
        ({"extra": 1}, ["extra", "unknown key", "generation"]),
        ({"training": {"widht": 8}}, ["training.widht: unknown key (did you mean width?)"]),
        ({"per_class": 9}, ["per_class: unknown key (did you mean generation.per_class?)"]),
        ({"gate": {"seed": 1}}, ["gate.seed: unknown key (did you mean generation.seed?)"]),
        ({"name": "../up"}, ["name", "names a folder"]),
        ({"name": ".hidden"}, ["name", "names a folder"]),
        ({"version": 2}, ["version", "of version 2", "reads up to 1", "upgrade"]),
        ({"version": "2"}, ["version", "of version 2", "upgrade"]),
        ({"outputs": {"keep": 0}}, ["outputs.keep", "0", "greater than or equal to 1"]),
        ({"gate": {"classifier_seeds": 1}}, ["gate.classifier_seeds", "1", "greater than or equal to 2"]),
    ],
)  # fmt: skip
def test_message_names_file_key_value_and_what_was_expected(changes: dict[str, Any], parts: list[str]) -> None:
    message = refusal(SMALLEST | changes)
    for part in ["job.yaml", *parts]:
        assert part in message
    for internal in ("constrained", "[key]", "function-"):
        assert internal not in message


def test_every_wrong_key_is_told_at_once() -> None:
    message = refusal({"name": "x y", "data": {"source": 3}, "training": {"width": 1}})
    assert all(key in message for key in ("name:", "data.source:", "training.width:"))


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"just text", b"a: [", b"\xff\xfe\x00"])
def test_file_that_is_no_job_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "job.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"job\.yaml"):
        load_job(tmp_path / "job.yaml")


def test_missing_job_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: No such file"):
        load_job(tmp_path / "gone.yaml")


def test_overrides_are_yaml_and_reach_any_depth(tmp_path: Path) -> None:
    overrides = ["training.width=8", "generation.per_class.cat=3", "data.image_size=[16, 24]", "gate.policy=report"]
    job = load_job(written(tmp_path, SMALLEST), overrides)
    assert job.training.width == 8 and job.generation.per_class == {"cat": 3}
    assert job.data.image_size == (16, 24) and job.gate.policy == "report"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("width", "key=value"), ("=3", "key=value"), ("name.first=3", "is a value"), ("a=[", "not YAML"),
        ("b=1", "b: unknown"),
    ],
)  # fmt: skip
def test_override_that_cannot_be_is_refused(tmp_path: Path, override: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        load_job(written(tmp_path, SMALLEST), [override])


def test_relative_paths_are_relative_to_the_job_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "jobs").mkdir()
    monkeypatch.chdir("/")
    job = load_job(written(tmp_path / "jobs", {"name": "a", "data": {"source": "../images"}, "outputs": {"root": "o"}}))
    assert job.data.source == str(tmp_path / "images")
    assert job.outputs.root == str(tmp_path / "jobs" / "o")


def test_urls_stay_as_they_are_and_lose_a_slash_at_the_end(tmp_path: Path) -> None:
    values = {"name": "a", "data": {"source": "s3://b/images/"}, "outputs": {"root": "gs://b/out//"}}
    job = load_job(written(tmp_path, values))
    assert (job.data.source, job.outputs.root) == ("s3://b/images", "gs://b/out")
    local = load_job(written(tmp_path, values | {"data": {"source": f"file://{tmp_path}/images"}}))
    assert local.data.source == str(tmp_path / "images")


@pytest.mark.parametrize(("key", "changes"), [
    ("data.source", {"data": {"source": "s3://me:wJalr/XUt@b/images"}}),
    ("outputs.root", {"outputs": {"root": "s3://me:wJalr/XUt@b/out"}}),
])  # fmt: skip
def test_url_with_a_password_is_refused_by_its_key_and_not_repeated(key: str, changes: dict[str, Any]) -> None:
    message = refusal(SMALLEST | changes)
    assert f"{key}: the URL contains a user name or a password" in message and "AWS_ACCESS_KEY_ID" in message
    assert "wJalr" not in message and "XUt" not in message


@pytest.mark.parametrize(("url", "told"), [
    ("zip://a::s3://b/out.zip", "a chain"), ("simplecache::s3://b/out", "a chain"), ("http://[::1]/x", "a chain"),
    ("reference://b", "an unknown kind reference://"), ("github://o:r@main/x", "an unknown kind github://"),
    ("S3://b", "an unknown kind S3://"), ("a b://c", "an unknown kind"), ("://c", "an unknown kind"),
])  # fmt: skip
@pytest.mark.parametrize(("part", "key"), [("data", "source"), ("outputs", "root")])
def test_url_that_can_do_more_than_give_bytes_is_refused(url: str, told: str, part: str, key: str) -> None:
    assert f"{part}.{key}: the URL contains {told}" in refusal(SMALLEST | {part: {key: url}})


@pytest.mark.parametrize(("source", "root", "is_inside"), [
    ("s3://b/images", "s3://b/images/out", True), ("s3://b", "s3://b/out", True), ("s3://b/images", "s3://b", False),
    ("s3://b/images", "s3://b/images-made", False), ("s3://b/images", "gs://b/images/out", False),
])  # fmt: skip
def test_outputs_inside_the_images_of_a_store_are_refused(
    tmp_path: Path, source: str, root: str, is_inside: bool
) -> None:
    file = written(tmp_path, {"name": "a", "data": {"source": source}, "outputs": {"root": root}})
    if is_inside:
        with pytest.raises(ConfigError, match=r"outputs\.root .* is inside data\.source"):
            load_job(file)
    else:
        load_job(file)


@pytest.mark.parametrize("root", ["images", "images/deep/down", "link"])
def test_outputs_inside_the_source_are_refused(tmp_path: Path, root: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "images")
    with pytest.raises(ConfigError, match=r"outputs\.root .* is inside data\.source"):
        load_job(written(tmp_path, SMALLEST | {"outputs": {"root": root}}))


def test_outputs_beside_the_source_are_fine_also_where_names_begin_alike(tmp_path: Path) -> None:
    assert load_job(written(tmp_path, SMALLEST | {"outputs": {"root": "images-made"}})).outputs.root.endswith("made")


def test_name_of_a_class_that_yaml_takes_for_a_number_is_text(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("name: a\ndata: {source: images}\ngeneration: {per_class: {7: 5, cat: 2}}\n")
    assert load_job(tmp_path / "job.yaml").generation.per_class == {"7": 5, "cat": 2}


def test_resolved_job_survives_being_written_and_read(tmp_path: Path) -> None:
    job = load_job(written(tmp_path, SMALLEST | {"generation": {"per_class": {"é": 3}}}))
    assert parse_resolved(job.model_dump(mode="json"), where="config.json") == job
    assert ResolvedJob.model_validate_json(job.model_dump_json()) == job


def test_job_cannot_be_changed() -> None:
    job = parse_job(SMALLEST, where="")
    with pytest.raises(ValidationError, match="frozen"):
        job.generation.seed = 1


def test_threads_and_processes_share_the_cores() -> None:
    run = MachinesConfig().resolve()
    assert run.processes and run.threads and run.processes * run.threads >= 1
    given = MachinesConfig(processes=3, threads=2)
    assert given.resolve().model_dump() == given.model_dump()


def test_every_field_says_what_it_is() -> None:
    for part in JobConfig.model_fields.values():
        for name, field in getattr(part.annotation, "model_fields", {}).items():
            assert field.description, name


# Amounts.


@given(counts, st.integers(1, 500))
def test_one_number_is_the_amount_of_every_class(num_train: dict[str, int], count: int) -> None:
    assert GenerationConfig(per_class=count).amounts(num_train) == dict.fromkeys(num_train, count)


@given(counts, st.one_of(st.sampled_from(["max", "median"]), st.integers(0, 2000)))
def test_balance_fills_up_to_its_goal_and_takes_nothing_away(num_train: dict[str, int], balance: Any) -> None:
    ordered = sorted(num_train.values())
    middle = (ordered[len(ordered) // 2] + ordered[(len(ordered) - 1) // 2]) / 2
    goal = {"max": ordered[-1], "median": round(middle)}.get(balance, balance)
    assume(any(count < goal for count in ordered))
    amounts = GenerationConfig(balance=balance).amounts(num_train)
    for label, count in num_train.items():
        assert count + amounts[label] == max(count, goal)


@given(counts, st.floats(0.6, 5))
def test_ratio_goes_by_the_real_images(num_train: dict[str, int], ratio: float) -> None:
    amounts = GenerationConfig(ratio=ratio).amounts(num_train)
    assert all(abs(amounts[label] - ratio * count) <= 0.5 for label, count in num_train.items())


@given(counts, st.data())
def test_amount_by_name_goes_before_every_rule(num_train: dict[str, int], data: st.DataObject) -> None:
    label = data.draw(st.sampled_from(sorted(num_train)))
    rule: dict[str, Any] = data.draw(st.sampled_from([{}, {"ratio": 2.0}, {"balance": 3000}]))
    amounts = GenerationConfig(per_class={label: 77}, **rule).amounts(num_train)
    assert amounts[label] == 77
    others = set(amounts.values()) if len(num_train) == 1 else {amounts[name] for name in num_train if name != label}
    assert (0 in others) == (not rule and len(num_train) > 1)


@pytest.mark.parametrize(
    ("generation", "asked"),
    [
        ({}, ["a", "b", "c"]), ({"per_class": 3}, ["a", "b", "c"]), ({"balance": 9}, ["a", "b", "c"]),
        ({"per_class": {"a": 3, "b": 0}}, ["a"]), ({"per_class": {"a": 3, "b": 0}, "ratio": 1.0}, ["a", "c"]),
    ],
)  # fmt: skip
def test_classes_are_asked_for_by_name_or_by_rule(generation: dict[str, Any], asked: list[str]) -> None:
    assert [label for label in "abc" if GenerationConfig(**generation).asks_for(label)] == asked


@given(counts)
def test_default_fills_up_to_the_largest_class(num_train: dict[str, int]) -> None:
    assume(len(set(num_train.values())) > 1)
    assert GenerationConfig().amounts(num_train) == GenerationConfig(balance="max").amounts(num_train)


@given(counts)
def test_amounts_of_nothing_are_refused(num_train: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="no image of any class"):
        GenerationConfig(balance=0).amounts(num_train)


ONNX = {"layout": "NCHW", "size": [96, 96], "mean": 127, "std": 128}


def test_onnx_model_is_found_beside_the_job_file(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    job = load_job(written(tmp_path, SMALLEST | {"measures": {"features": "onnx:model.onnx", "onnx": ONNX}}))
    assert job.measures.features == f"onnx:{tmp_path / 'model.onnx'}"
    assert job.measures.onnx.mean == 127 and job.measures.onnx.output is None
    assert parse_resolved(job.model_dump(mode="json"), where="run") == job  # as a worker reads it


@pytest.mark.parametrize(
    ("measures", "parts"),
    [
        ({"features": "fid"}, ["measures", "'fid'", "expected judge, onnx:PATH or keras:NAME"]),
        ({"features": "onnx:a.onnx"}, ["also give onnx.layout, onnx.size, onnx.mean, onnx.std"]),
        ({"features": "onnx:a.onnx", "onnx": {"size": [1, 2]}}, ["also give onnx.layout, onnx.mean, onnx.std"]),
        ({"onnx": ONNX}, ["onnx is for features: onnx:PATH only", "judge"]),
        ({"features": "onnx:a.onnx", "onnx": ONNX | {"std": 0}}, ["measures.onnx.std", "greater than 0"]),
        ({"features": "onnx:a.onnx", "onnx": ONNX | {"layout": "CHW"}}, ["measures.onnx.layout", "'NCHW' or 'NHWC'"]),
        ({"features": "onnx:a.onnx", "onnx": ONNX | {"scale": 1}}, ["measures.onnx.scale", "unknown key", "layout"]),
    ],
)
def test_feature_space_that_cannot_be_is_told(measures: dict[str, Any], parts: list[str]) -> None:
    told = refusal(SMALLEST | {"measures": measures})
    assert all(part in told for part in parts), told


def test_feature_extractor_that_is_not_at_hand_is_told_before_any_work(tmp_path: Path) -> None:
    job = written(tmp_path, SMALLEST | {"measures": {"features": "onnx:model.onnx", "onnx": ONNX}})
    with pytest.raises(ConfigError, match=r"model.onnx: no such file. A path is relative to the job file"):
        load_job(job)


@pytest.mark.parametrize("on", ["local", "dask://10.0.0.5:8786", "dask://scheduler.example:1", "dask://[::1]:8786"])
def test_run_goes_on_this_machine_or_on_a_cluster(on: str) -> None:
    assert parse_job(SMALLEST | {"run": {"on": on}}, where="here").run.on == on


@pytest.mark.parametrize("on", ["dask", "dask://host", "dask://:8786", "tcp://host:8786", "dask://a b:1", "ray://h:1"])
def test_place_that_is_none_is_refused_with_what_is_expected(on: str) -> None:
    with pytest.raises(ConfigError, match=rf"run\.on: expected local, or .*dask://host:8786, found '{re.escape(on)}'"):
        parse_job(SMALLEST | {"run": {"on": on}}, where="here")


def test_processes_are_the_places_on_the_gpus_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    assert MachinesConfig(per_gpu=4).resolve().processes == 12
    assert MachinesConfig(per_gpu=4, processes=5).resolve().processes == 5
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert MachinesConfig(per_gpu=4).resolve().processes == len(os.sched_getaffinity(0))
