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
        self._name = str(path)
        self._log = Path(f"{path}-wal")
        self._log_name = str(self._log)
        self._opened: FileId | None = None
        self._opened_log: FileId | None = None
        self._was_filled = False

    def identify(self) -> FileId:
        """The file that is at the path now.

        Raises:
            StoreUnavailable: there is none.
        """
        return _id(self._look())

    def _look(self) -> os.stat_result:
        found = _stat(self._name)
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
        was_filled = self._was_filled  # before the look at the file: another thread may see it filled meanwhile
        file = self._look()
        found, log = _id(file), _identify(self._log_name)
        if writing and not os.access(self.path, os.W_OK):
            raise StoreUnavailable(
                f"The database file {self.path.name} can't be written: make it writable for the service."
            )
        if found == self._opened:
            if file.st_size:
                self._was_filled = True
            elif was_filled:
                raise StoreUnavailable(f"The database file {self.path.name} was emptied: restore a backup.")
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

    def check_kept(self, file: FileId) -> None:
        """Call it after a commit to this file.

        Raises:
            StoreUnavailable: it is no longer the file at the path, so what was committed is not kept.
        """
        if _identify(self._name) != file:
            raise StoreUnavailable(f"The database file {self.path.name} was replaced or deleted: nothing was kept.")

    def is_disk_full(self) -> bool:
        """Whether less than 1 MiB is free for the file."""
        try:
            disk = os.statvfs(self.path.parent)
        except OSError:
            return False
        return disk.f_bavail * disk.f_frsize < _MIN_FREE_BYTES


def _identify(name: str) -> FileId | None:
    found = _stat(name)
    return _id(found) if found is not None else None


def _stat(name: str) -> os.stat_result | None:
    try:
        return os.stat(name)  # noqa: PTH116  three looks a call, and Path.stat takes twice as long
    except OSError:
        return None


def _id(file: os.stat_result) -> FileId:
    return file.st_dev, file.st_ino
