"""The rows of a run as a file: `orders.parquet` where pyarrow is installed, else `orders.ndjson.gz`.

Both hold the same; nested members are JSON texts in the former, so that any tool reads it. Arrow takes 60 MB: many rows
are written by a process of its own, in which nothing else is.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cds_service.errors import SetupError
from cds_service.population.files import whole_file
from cds_service.population.rows import Row

if TYPE_CHECKING:
    import pyarrow

_PARQUET, _LINES = "orders.parquet", "orders.ndjson.gz"
_NESTED = ("present", "unknown", "applies", "cards", "others", "codes")
_BATCH = 2_000
_FEW = 2 << 20
"""Bytes of rows up to which another process would cost more than it saves."""


def write_rows(folder: Path, files: Sequence[Path]) -> None:
    """Write every row of some NDJSON files.

    Raises:
        SetupError: they can't be written.
    """
    if find_spec("pyarrow") is None:
        write_lines(folder / _LINES, _rows_of(files))
    elif sum(file.stat().st_size for file in files) <= _FEW:
        _write_parquet(folder, files)
    else:
        writer = get_context("spawn").Process(target=_write_parquet, args=(folder, files), daemon=True)
        writer.start()
        writer.join()
        if writer.exitcode:
            raise SetupError(f"{folder / _PARQUET}: not written ({writer.exitcode}); start the same command again")


def _rows_of(files: Iterable[Path]) -> Iterator[Row]:
    for file in files:
        with file.open("rb") as lines:
            yield from (msgspec.json.decode(line, type=Row) for line in lines)


def _write_parquet(folder: Path, files: Sequence[Path]) -> None:
    import pyarrow.parquet

    schema, remaining = _schema(pyarrow), _rows_of(files)
    with (
        whole_file(folder / _PARQUET) as file,
        pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        while batch := [_flat(row) for row in islice(remaining, _BATCH)]:
            writer.write_table(pyarrow.Table.from_pylist(batch, schema))


def read_rows(run: Path) -> Iterator[Row]:
    """Every row of a finished run.

    Raises:
        SetupError: there is none, or pyarrow is needed and not installed.
    """
    found = next((path for path in (run / _PARQUET, run / _LINES) if path.exists()), None)
    if found is None:
        raise SetupError(f"{run}: no finished run here; make one with: cds-service screen run EXPORT --out {run}")
    try:
        yield from _read_parquet(found) if found.name == _PARQUET else _read_lines(found)
    except (msgspec.DecodeError, ValueError, OSError, EOFError, zlib.error) as error:  # Arrow's errors are ValueErrors
        raise SetupError(f"{found}: can't be read ({type(error).__name__}); screen the export again") from None


def write_lines(path: Path, rows: Iterable[Row]) -> Path:
    """Write the rows as NDJSON, compressed."""
    with whole_file(path) as file, gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
        for row in rows:
            packed.write(msgspec.json.encode(row) + b"\n")
    return path


def _schema(arrow: Any) -> pyarrow.Schema:
    return arrow.schema([(name, arrow.string()) for name in Row.__struct_fields__])


def _flat(row: Row) -> dict[str, str | None]:
    found = {name: getattr(row, name) for name in Row.__struct_fields__}
    return found | {name: msgspec.json.encode(found[name]).decode() for name in _NESTED}


def _read_lines(path: Path) -> Iterator[Row]:
    with gzip.open(path) as lines:
        yield from (msgspec.json.decode(line, type=Row) for line in lines)


def _read_parquet(path: Path) -> Iterator[Row]:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise SetupError(f"{path}: reading it needs pyarrow; install the extra `screen`") from None
    with pyarrow.parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH):
            for flat in batch.to_pylist():
                nested = {name: msgspec.json.decode(flat[name]) for name in _NESTED}
                yield msgspec.convert(flat | nested, Row)
