"""Whether the SQLite file at a path is the one that connections have open, and can be written.

SQLite goes on writing to a file that was deleted or replaced, and reports success; what it writes is gone with the last
connection. Source: sqlite.org, How To Corrupt An SQLite Database File, sections 2.4 and 4.
"""

from __future__ import annotations

import os
from pathlib import Path

from cds_service.errors import StoreUnavailable

_MIN_FREE_BYTES = 1024 * 1024
FileId = tuple[int, int]
"""Device and inode."""


class SqliteFile:
    """The file at one path. It is not created here: whoever runs the service is to know that it is gone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._log = Path(f"{path}-wal")
        self._opened: FileId | None = None
        self._opened_log: FileId | None = None
        self._was_filled = False

    def identify(self) -> FileId:
        """The file that is at the path now.

        Raises:
            StoreUnavailable: there is none.
        """
        found = _identify(self.path)
        if found is None:
            raise StoreUnavailable(
                f"The database file {self.path.name} is gone: put it back, or create an empty one with "
                "`cds-service db upgrade`; the service then goes on with it."
            )
        return found

    def is_opened(self, *, writing: bool) -> bool:
        """Whether the file is the one of `set_opened`; if not, connections have to be closed and opened again.

        Raises:
            StoreUnavailable: it is gone, was emptied, can't be written, or was put beside the log of another one.
        """
        found, log = self.identify(), _identify(self._log)
        if writing and not os.access(self.path, os.W_OK):
            raise StoreUnavailable(
                f"The database file {self.path.name} can't be written: make it writable for the service."
            )
        if found == self._opened:
            self._check_not_emptied()
            self._opened_log = log
            return True
        if self._opened is not None and log is not None and log == self._opened_log:
            raise StoreUnavailable(
                f"The database file {self.path.name} was replaced, and {self._log.name} is of the former one: "
                f"delete {self._log.name} and {self.path.name}-shm, or put the former file back."
            )
        return False

    def set_opened(self, file: FileId) -> None:
        """New connections are to this file."""
        self._opened, self._opened_log, self._was_filled = file, None, False

    def _check_not_emptied(self) -> None:
        was_filled = self._was_filled  # before the look at the file: another thread may see it filled meanwhile
        if self.path.stat().st_size:
            self._was_filled = True
        elif was_filled:
            raise StoreUnavailable(f"The database file {self.path.name} was emptied: restore a backup.")

    def check_kept(self, file: FileId) -> None:
        """Call it after a commit to this file.

        Raises:
            StoreUnavailable: it is no longer the file at the path, so what was committed is not kept.
        """
        if _identify(self.path) != file:
            raise StoreUnavailable(f"The database file {self.path.name} was replaced or deleted: nothing was kept.")

    def is_disk_full(self) -> bool:
        """Whether less than 1 MiB is free for the file."""
        try:
            disk = os.statvfs(self.path.parent)
        except OSError:
            return False
        return disk.f_bavail * disk.f_frsize < _MIN_FREE_BYTES


def _identify(path: Path) -> FileId | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
