"""What is where in a shard, and what a record of one says. Nothing is read that a released image would not need."""

from __future__ import annotations

import io
import itertools
import os
import tarfile
from collections.abc import Iterator
from typing import BinaryIO

Place = tuple[int, int]
"""Offset and length of a member's or a record's content in its shard."""

MAX_HEADER_BYTES = 64 * 2**10  # of a tar's member: its name, twice over
HEAD_BYTES, FOOT_BYTES = 12, 4  # of a TFRecord's record: its length with a checksum, and its content's checksum


def tar_index(file: BinaryIO, max_bytes: int) -> Iterator[tuple[str, Place]]:
    """Names and places of a tar file's members.

    Args:
        file: the shard.
        max_bytes: the most that a member may hold.

    Raises:
        ValueError, tarfile.TarError, OSError: it is no tar file, or has members that no shard has.
    """
    end = _size(file)
    after = 0
    with tarfile.open(fileobj=_Sparing(file), mode="r:") as tar:
        for member in tar:
            if not member.isreg() or member.sparse is not None:
                raise ValueError(f"{member.name!r} is not a plain file")
            if not 0 <= member.size <= max_bytes or member.offset_data + member.size > end:
                raise ValueError(f"{member.name!r} has {member.size:,} bytes, at most {max_bytes:,} are expected")
            if member.offset_data <= after:
                raise ValueError(f"{member.name!r} begins before the member before it ends")
            after = member.offset_data
            yield member.name, (member.offset_data, member.size)


class _Sparing(io.RawIOBase):
    """A file that gives no more at once than a header takes: `tarfile` believes whatever size it reads."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_HEADER_BYTES:
            raise ValueError(f"a header of {size:,} bytes, at most {MAX_HEADER_BYTES:,} are expected")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def tfrecord_index(file: BinaryIO, max_bytes: int) -> Iterator[Place]:
    """Places of a TFRecord file's records.

    Args:
        file: the shard.
        max_bytes: the most that a record may hold.

    Raises:
        ValueError: it is cut off, or is no TFRecord file of images.
    """
    end, offset = _size(file), 0
    for number in itertools.count():
        if offset == end:
            return
        file.seek(offset)
        head = file.read(HEAD_BYTES)
        length = int.from_bytes(head[:8], "little")
        if len(head) < HEAD_BYTES or offset + HEAD_BYTES + length + FOOT_BYTES > end:
            raise ValueError(f"record {number} is cut off")
        if length > max_bytes:
            raise ValueError(f"record {number} has {length:,} bytes, at most {max_bytes:,} are expected")
        yield offset + HEAD_BYTES, length
        offset += HEAD_BYTES + length + FOOT_BYTES


def features(example: bytes) -> dict[str, bytes | int]:
    """The features of a `tf.train.Example`, by name, each of which has one value, bytes or an integer.

    Read from protocol buffers' wire format, so that who reads a release needs no TensorFlow.

    Raises:
        ValueError: it is no such example.
    """
    found: dict[str, bytes | int] = {}
    for _, entry in _fields(_only(example, {1})[1]):
        parts = dict(_fields(entry))
        kind, values = _only(parts.get(2, b""), {1, 3})  # a list of bytes, or of integers
        _, value = _only(values, {1})
        found[_message(parts.get(1, b"")).decode()] = _message(value) if kind == 1 else _varint(_message(value), 0)[0]
    return found


def _only(message: bytes | int, numbers: set[int]) -> tuple[int, bytes | int]:
    """The one field of a message: its number, which is one of `numbers`, and its value."""
    fields = list(itertools.islice(_fields(message), 2))
    if len(fields) != 1 or fields[0][0] not in numbers:
        raise ValueError("it is not an example of one image")
    return fields[0]


def _fields(message: bytes | int) -> Iterator[tuple[int, bytes | int]]:
    """Number and value of each field of a message: a message in it, text and bytes are bytes."""
    content, offset = _message(message), 0
    while offset < len(content):
        tag, offset = _varint(content, offset)
        value, offset = _varint(content, offset)
        if tag & 7 == 0:
            yield tag >> 3, value
        elif tag & 7 == 2 and offset + value <= len(content):
            yield tag >> 3, content[offset : offset + value]
            offset += value
        else:
            raise ValueError("it is not a protocol buffer, or is truncated")


def _message(value: bytes | int) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("it is not an example of one image")  # noqa: TRY004 (it is about the file)
    return value


def _varint(content: bytes, offset: int) -> tuple[int, int]:
    """An integer of 7 bits a byte, the lowest first, and the offset behind it."""
    value = 0
    for place, byte in enumerate(content[offset : offset + 10]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, offset + place + 1
    raise ValueError("it is not a protocol buffer, or is truncated")


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size
