"""What screening a population costs, as a multiple of the floor: `orjson.loads` of every line of the export, once.

    python benchmarks/population.py [--patients 6000] [--orders-per-100 2.4] [--other-orders 0]

CPU of the whole command with its processes, start included, and the largest memory of a process; one core and two.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

import orjson

GENERATOR = Path(__file__).parents[1] / "examples/population/generate.py"


def floor(export: Path) -> float:
    """CPU seconds of reading every line."""
    start = process_time()
    for file in export.glob("*.ndjson"):
        with file.open("rb") as lines:
            for line in lines:
                try:
                    orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue
    return process_time() - start


def screened(export: Path, run: Path, workers: int) -> tuple[float, float]:
    """CPU seconds and the largest process in MB."""
    command = [sys.executable, "-m", "cds_service", "screen", "run", export, "--out", run, "--workers", str(workers)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", default="6000")
    parser.add_argument("--orders-per-100", default="2.4")
    parser.add_argument("--other-orders", default="0")
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        export = Path(folder) / "export"
        density = ("--orders-per-100", args.orders_per_100, "--other-orders", args.other_orders)
        subprocess.run([sys.executable, GENERATOR, export, "--patients", args.patients, *density], check=True)
        least = min(floor(export) for _ in range(3))
        empty = Path(folder) / "empty"
        subprocess.run([sys.executable, GENERATOR, empty, "--patients", "1"], check=True)
        start, _ = screened(empty, Path(folder) / "start", 1)
        print(f"floor {least:.2f} s; start of the command {start / least:.2f} times the floor")
        for workers in (1, 2):
            seconds, largest = screened(export, Path(folder) / f"run-{workers}", workers)
            work = (seconds - start) / least
            print(f"{workers} workers: {seconds / least:.2f} times, {work:.2f} without the start; {largest:.0f} MB")


if __name__ == "__main__":
    main()
