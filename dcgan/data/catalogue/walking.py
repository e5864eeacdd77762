"""The folders below a source, and what in them belongs to a system and not to a person."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

from dcgan.data.catalogue.reasons import LISTED_TWICE, UNREADABLE

SYSTEM_NAMES = {
    # Windows
    "thumbs.db", "thumbs.db:encryptable", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin", "recycler",
    "recycled", "system volume information", "wpsettings.dat", "indexervolumeguid", "found.000",
    # macOS
    "__macosx", "icon\r", "network trash folder", "temporary items", "desktop db", "desktop df",
    # Linux, and network storage: Synology, QNAP, NetApp
    "lost+found", "@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp", "@sharebin",
    "@sharesnap", "~snapshot",
    # programs
    "__pycache__", "picasa.ini", "zbthumbnail.info", "pspbrwse.jbf", "thumbnails",
}  # fmt: skip
_LEFTOVERS = ("~", ".bak", ".tmp", ".part", ".partial", ".crdownload", ".swp")  # of editors, and of downloads
_SYSTEM_ENDINGS = ("@synoeastream", "@synoresource")
ENDINGS = (
    ".apng", ".avif", ".bmp", ".dcm", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif", ".jp2", ".jpe",
    ".jpeg", ".jpg", ".pbm", ".pcx", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".qoi", ".tga", ".tif", ".tiff", ".webp",
)  # fmt: skip
MAX_COUNTED = 5  # levels of folders whose images are counted

Parts = tuple[str, ...]


class Tree:
    """All folders below a source, in a fixed order."""

    def __init__(self, root: Path) -> None:
        """Walk it.

        Links are followed, after all that stands there itself: a folder that is reached by two ways counts under its
        own name, not under a link's, and only once, so that no loop of links is endless.
        """
        self.folders: list[tuple[Parts, list[str], str]] = []
        """Each folder's path below the source, its files sorted, and why it was not entered, if so."""
        found: list[tuple[Path, list[str], str]] = []
        seen, tops = set(), [str(root)]

        def unreadable(error: OSError) -> None:
            found.append((Path(error.filename), [], UNREADABLE))

        for top in tops:  # grows as links are met
            for folder, children, files in os.walk(top, onerror=unreadable):
                real = os.path.realpath(folder)
                if real in seen:
                    children.clear()
                    found.append((Path(folder), [], LISTED_TWICE))
                    continue
                seen.add(real)
                found.append((Path(folder), sorted(files), ""))
                links = (f"{folder}/{child}" for child in sorted(children))
                tops += [link for link in links if os.path.islink(link)]  # noqa: PTH114 (60,000 paths are slow)
        found.sort(key=lambda entry: entry[0].parts)
        start = len(root.parts)
        self.folders = [(folder.parts[start:], files, problem) for folder, files, problem in found]
        self._children: dict[Parts, list[str]] = {}
        self._pictures: Counter[Parts] = Counter()
        self._files: dict[Parts, list[str]] = {}
        for parts, files, _ in self.folders:
            if any(map(is_hidden, parts)):
                continue
            if parts:
                self._children.setdefault(parts[:-1], []).append(parts[-1])
            self._files[parts] = files
            count = sum(map(_may_be_picture, files))
            for level in range(min(len(parts), MAX_COUNTED) + 1):
                self._pictures[parts[:level]] += count

    def children(self, parts: Parts = ()) -> list[str]:
        """Folders in a folder, hidden ones and those of systems left out."""
        return self._children.get(parts, [])

    def files(self, parts: Parts = ()) -> list[str]:
        """Files in a folder, hidden ones and those of systems left out."""
        return [name for name in self._files.get(parts, []) if not is_hidden_file(name)]

    def files_ending(self, *endings: str) -> list[str]:
        """Paths of all files below whose names end so, in small letters or capitals; hidden ones left out."""
        return [
            "/".join((*parts, name))
            for parts in sorted(self._files)
            for name in self.files(parts)
            if name.lower().endswith(endings)
        ]

    def pictures(self, parts: Parts = ()) -> int:
        """Files at and below a folder, `MAX_COUNTED` levels deep at most, that may be images by their names."""
        return self._pictures[parts]


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden, or is a system's own: thumbnails, deleted files, notes on a folder."""
    small = name.lower()
    return name.startswith(".") or small in SYSTEM_NAMES or small.endswith(_SYSTEM_ENDINGS)


def is_hidden_file(name: str) -> bool:
    """The same of a file, which may also be a backup copy or an unfinished download of another."""
    return is_hidden(name) or name.lower().endswith(_LEFTOVERS) or name.startswith("~$")


def _may_be_picture(name: str) -> bool:
    return not is_hidden_file(name) and (name.lower().endswith(ENDINGS) or not re.search(r"\.\w{1,5}$", name))
