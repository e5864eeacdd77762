"""Names of classes, and other text from outside, in Prefect's pages and in people's chats."""

from __future__ import annotations

import re

# What begins tags, links, pictures, mentions and emphasis, but not the `_` inside of a word.
_MARKUP = re.compile(r"[<>\[\]*`~@\\]|(?<![^\W_])_+|_+(?![^\W_])")
_FULL_WIDTH = 0xFEE0  # from an ASCII character to the one that looks like it


def without_markup(value: object) -> str:
    """A text on one line in which nothing is markup, wherever it is shown.

    The two versions of Prefect's pages, and the various chats, disagree on what is markup and on how to escape it: what
    is right in one would be shown as such in the next. So its characters give way to others that look like them.
    """
    line = " ".join(str(value).split())
    return _MARKUP.sub(lambda match: "".join(chr(ord(character) + _FULL_WIDTH) for character in match[0]), line)
