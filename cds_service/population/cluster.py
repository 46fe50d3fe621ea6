"""The tasks of a run on a Dask cluster. Dask schedules and nothing more: what tasks pass on goes through files.

Scheduler and workers see the export and the folder of the run under the same paths, and have this package installed.
Source: https://distributed.dask.org/en/stable/client.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.errors import SetupError
from cds_service.population.workers import TRIES, Outcome, do_task, place_of


@dataclass(frozen=True, slots=True)
class DaskCluster:
    """Does tasks on the workers of a Dask scheduler, `tcp://host:8786`; `seconds` is how long it is waited for."""

    run: Path
    address: str
    seconds: float = 30.0

    def do(self, step: str, numbers: Sequence[int]) -> Iterator[Outcome]:
        """As of `Workers`.

        Raises:
            SetupError: distributed is not installed, or the scheduler does not answer.
        """
        try:
            from distributed import Client, as_completed
        except ModuleNotFoundError:
            raise SetupError("--dask needs distributed: install the extra `dask`, or leave --dask out") from None
        try:
            client: Any = Client(self.address, timeout=self.seconds)  # type: ignore[no-untyped-call]  # Dask has no types
        except ValueError as error:
            raise SetupError(f"--dask {self.address}: {error}; write tcp://HOST:PORT") from None
        except OSError as error:
            raise SetupError(f"--dask {self.address}: no scheduler answers ({error}); see deploy/dask.md") from None
        with client:
            tasks = {
                client.submit(do_task, str(self.run), step, number, pure=False, retries=TRIES - 1): number
                for number in numbers
            }
            for future in as_completed(list(tasks)):  # type: ignore[no-untyped-call]
                failed = future.exception()
                if isinstance(failed, SetupError):
                    raise failed
                yield Outcome(tasks.pop(future), None if failed is None else place_of(failed))
