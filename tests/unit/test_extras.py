"""A package that is missing is reported with the extra that installs it."""

from __future__ import annotations

import pytest

from dcgan import extras
from dcgan.errors import ConfigError


@pytest.mark.parametrize(
    ("module", "extra"),
    [
        ("tensorflow", "tensorflow"),
        ("prefect", "job"),
        ("rich", "job"),
        ("mlxtend", "demo"),
        ("prefect_dask", "dask"),
        ("onnxruntime", "onnx"),
        ("s3fs", "s3"),
    ],
)
def test_smallest_extra_with_the_package_is_named(module: str, extra: str) -> None:
    told = rf"^dcgan run needs the package {module}, which is not installed: pip install 'dcgan-augment\[{extra}\]'$"
    with pytest.raises(ConfigError, match=told), extras.needed_for("dcgan run"):
        raise ModuleNotFoundError(name=module)


@pytest.mark.parametrize("module", ["numpy", "tensorflow.missing", "nonsense"])
def test_other_modules_are_no_matter_of_extras(module: str) -> None:
    with pytest.raises(ModuleNotFoundError), extras.needed_for("dcgan run"):
        raise ModuleNotFoundError(name=module)
