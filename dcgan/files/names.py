"""Class names as file names."""

from __future__ import annotations

import re
from urllib.parse import unquote

MAX_NAME_BYTES = 200  # file systems stop at 255; a temporary prefix and a suffix must fit too

# Letters and digits of every script stay readable; all else could mean something to a path, a shell or Windows.
_UNSAFE = re.compile(r"[^\w\-+=@,() .]|^[. ]|[. ]$")


def escape(label: str) -> str:
    """A class name as a file name: what is not safe becomes %XX of its UTF-8 bytes. `unescape` undoes it.

    >>> escape("../x"), escape("père Noël")
    ('%2E.%2Fx', 'père Noël')
    """
    return _UNSAFE.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), label)


def unescape(name: str) -> str:
    """The class name that `escape` was given."""
    return unquote(name, errors="strict")
