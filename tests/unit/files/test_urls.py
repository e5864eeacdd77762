"""URLs carry no secrets, and each has folders of its own here."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcgan.errors import ConfigError
from dcgan.files import urls

SECRET = "wJalr/XUt+nFE=MI"


@pytest.mark.parametrize(
    "url",
    [
        "s3://bucket",
        "s3://bucket/a/b",
        "s3://bucket/an@address/x",
        "gs://bucket/2024-05-01T10:00/x",
        "https://host:8080/d.npz",
        "http://localhost:9000/d.npz",
        "memory://a/b",
        "outputs",
        "/data/a@b:c?d",
    ],
)
def test_url_without_a_secret_passes(url: str) -> None:
    urls.require_harmless(url)


@pytest.mark.parametrize(
    "url",
    [
        f"s3://key:{SECRET}@bucket/a",
        f"s3://key:0{SECRET}@bucket/a",
        "s3://key@bucket/a",
        "https://user:pass@host/a.npz",
        "https://host/a.npz?token=abc",
        "https://host/a.npz?X-Amz-Signature=abc",
        f"zip://images::s3://key:{SECRET}@bucket/a.zip",
        f"s3://key:{SECRET}",
    ],
)
def test_url_with_a_secret_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="the URL contains a") as refused:
        urls.require_harmless(url)
    for secret in (SECRET, "key", "token=abc", "user:pass"):
        assert secret not in str(refused.value).replace("keys", "").replace("ACCESS_KEY", "")


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=30)


@given(secrets, secrets)
def test_no_user_and_password_passes(user: str, password: str) -> None:
    with pytest.raises(ValueError, match="the URL contains a"):
        urls.require_harmless(f"s3://{user}:{password}@bucket/prefix")


def test_kind_that_nobody_knows_and_package_that_is_missing_are_told() -> None:
    with pytest.raises(ConfigError, match=r"nothing://x cannot be opened: the URL contains an unknown kind nothing://"):
        urls.open_url("nothing://x")


def test_folders_follow_the_environment_and_differ_by_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert urls.state_folder("s3://a").parent == tmp_path / "dcgan"
    assert urls.state_folder("s3://a") != urls.state_folder("s3://b")
    monkeypatch.delenv("XDG_STATE_HOME")
    assert urls.state_folder("s3://a").parent == Path.home() / ".local" / "state" / "dcgan"
