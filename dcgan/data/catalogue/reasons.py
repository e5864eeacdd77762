"""Why a file of a source is left out."""

from __future__ import annotations

# Known from the listing, before a file is opened.
HIDDEN = "hidden or system file"
NO_CLASS = "not in a class's folder"
NO_SPLIT = "not in a split that data.splits names"
NO_LABEL = "no label"
NOT_UTF8 = "name is not UTF-8"
NUL_IN_NAME = "NUL in the class name"
NAME_TOO_LONG = "class name too long"
LISTED_TWICE = "folder listed already"
UNREADABLE = "folder cannot be read"
NO_FILE_NAME = "no name for a file"
MISSING = "file missing"

# Known from the file alone.
EMPTY = "empty file"
TOO_LARGE = "file too large"
DAMAGED = "not an image, or damaged"
SYNTHETIC = "marked as synthetic"
UNUSABLE = "unusable values or size"

# Known beside the other files.
DUPLICATE = "duplicate of another file"
TWO_LABELS = "same image under several labels"
ODD_SIZE = "size far from the others'"
