"""YAML as job files have it: read with limits, so that no file can take the machine's memory, and refused with a place.

PyYAML's safe loader runs no code, but it lets one value stand for billions (aliases of aliases), overflows the stack on
deep nesting, keeps the last of two equal keys without a word, and lets whatever a malformed value makes it raise pass.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import yaml

from dcgan.errors import ConfigError

MAX_BYTES = 2**20  # a job of 10,000 classes, each with its amount, has some 300 KB
MAX_DEPTH = 20  # keys within keys; a job file has four levels
MAX_VALUES = 100_000  # with each alias counted as all that it stands for


def read_file(path: Path) -> Any:
    """What a YAML file holds.

    Args:
        path: of a regular file of at most `MAX_BYTES`.

    Raises:
        ConfigError: it cannot be read, or is not YAML, or is more than a job file can be.
    """
    try:
        # Opening a pipe would wait for somebody to write into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:  # noqa: PTH123 (a descriptor)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"cannot read the job file {path}: it is a folder, pipe or device, expected a file")
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # a path with a NUL
        raise ConfigError(f"cannot read the job file {path}: {getattr(error, 'strerror', None) or error}") from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"{path} has more than {MAX_BYTES // 2**20} MiB: a job file cannot be that large")
    try:
        return parse(content.decode())
    except ValueError as error:
        raise ConfigError(f"{path} is not a YAML file: {error}") from error


def parse(text: str) -> Any:
    """The one value that a YAML text holds; None if it is empty.

    Raises:
        ValueError: it is not YAML, a key stands in it twice, or it is more than a job file can be.
    """
    try:
        return yaml.load(text, _Loader)  # noqa: S506 (a SafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


class _Loader(yaml.SafeLoader):
    """The safe loader, with limits."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.name = "YAML"  # what messages call the text, beside its line
        self._depth = 0
        self._sizes: dict[int, int] = {}  # of nodes by identity: the values that each stands for

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise yaml.composer.ComposerError(None, None, f"nested deeper than {MAX_DEPTH} levels", mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._sizes:  # it is not yet complete
                raise yaml.composer.ComposerError(None, None, "a value that contains itself", mark)
        elif node is not None:
            self._sizes[id(node)] = self._size(node, mark)
        return node

    def _size(self, node: yaml.Node, mark: Any) -> int:
        children: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            children = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            children = node.value
        size = 1 + sum(self._sizes[id(child)] for child in children)
        if size > MAX_VALUES:
            raise yaml.composer.ComposerError(None, None, f"more than {MAX_VALUES:,} values", mark)
        return size

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[tuple[str, Any], yaml.Mark] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if first := seen.get((key.tag, key.value)):
                raise yaml.constructor.ConstructorError(
                    f"the key {_shown(key)} stands here", first, "and a second time here: keep one of them",
                    key.start_mark,
                )  # fmt: skip
            seen[key.tag, key.value] = key.start_mark
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except yaml.YAMLError:
            raise
        except Exception as error:  # such as KeyError for `!!bool maybe`, ValueError for `2026-99-99`
            kind = node.tag.rpartition(":")[2]
            raise yaml.constructor.ConstructorError(
                None, None, f"{_shown(node)} cannot be read as {kind}: put it in quotes if it is text", node.start_mark
            ) from error


def _shown(node: yaml.Node) -> str:
    return repr(str(node.value)[:80])
