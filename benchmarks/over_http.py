"""The cost of a call over HTTP with its record stored, as a multiple of the floor, in one run.

The floor is a bare WSGI callable that parses the body with `orjson.loads`, served by gunicorn's own thread worker. All
servers run at once and are called in turns, so that a busy machine slows all of them alike. Printed are the medians,
the 99th percentiles with four callers, calls with an ES384 token, the mean time of each stage, start and memory.

Run by `make bench`. `--compare REVISION` also runs the service as it was at a git revision (`make bench COMPARE=main`).
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import psutil
import requests
from authentication import PATH, register, tokens
from synthetic import build_request

ROOT = Path(__file__).parents[1]
SIZES = {"31 kB": (32, 300, 4.5, 12.0), "292 kB": (307, 120, 2.4, 3.0), "2,890 kB": (3040, 16, 1.3, 1.4)}
"""Label -> resources, calls, target ratio without and with a token."""
CALLERS = 4
STARTS = 5
FLOOR_APP = """
import orjson
def app(environ, start_response):
    orjson.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", "12")])
    return [b'{"cards":[]}']
"""


@dataclass(frozen=True)
class Server:
    """A server that runs with one worker; `seconds` from its start to its first answer."""

    port: int
    process: psutil.Process
    seconds: float = 0.0

    def used(self) -> float:
        """CPU seconds of its workers so far."""
        return sum(sum(worker.cpu_times()[:2]) for worker in self.process.children())

    def megabytes(self) -> tuple[float, float, float]:
        """Of the worker: resident memory, its share where what processes share is divided (PSS), and its own (USS)."""
        memory = self.process.children()[0].memory_full_info()
        return memory.rss / 1e6, memory.pss / 1e6, memory.uss / 1e6

    def started_with(self) -> float:
        """CPU seconds of all its processes so far."""
        return sum(sum(process.cpu_times()[:2]) for process in (self.process, *self.process.children()))


class Caller:
    """One connection that is kept."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = f"127.0.0.1:{port}"

    def __call__(self, body: bytes, token: str | None = None) -> float:
        """Seconds of one call."""
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: {self._host}\r\n{bearer}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        start = time.perf_counter()
        self._socket.sendall(head.encode() + body)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        answer, _, rest = received.partition(b"\r\n\r\n")
        missing = int(re.search(rb"(?i)content-length: (\d+)", answer)[1]) - len(rest)  # type: ignore[index]
        while missing > 0:
            missing -= len(self._more())
        taken = time.perf_counter() - start
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return taken

    def _more(self) -> bytes:
        received = self._socket.recv(1 << 20)
        assert received, "the server has closed the connection"
        return received


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running(command: list[str], folder: Path, port: int, **environ: str) -> Iterator[Server]:
    """A server, from its first answer to the end."""
    log = folder / f"{port}.log"
    start = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | environ, stdout=output, stderr=output)
    try:
        while True:
            assert process.poll() is None, log.read_text("utf-8")
            try:
                requests.get(f"http://127.0.0.1:{port}/healthz", timeout=60)
                break
            except requests.ConnectionError:
                time.sleep(0.01)
        yield Server(port, psutil.Process(process.pid), time.perf_counter() - start)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def service(source: Path, folder: Path, port: int, **more: str) -> AbstractContextManager[Server]:
    """The service of one source tree, with a database."""
    folder.mkdir()
    settings = {"CDS_PORT": str(port), "CDS_WORKERS": "1", "CDS_RATE_LIMIT": "off", "PYTHONPATH": str(source)}
    settings |= {"CDS_DATABASE_URL": f"sqlite:///{folder}/records.db", "CDS_LOG_KEY": "0123456789abcdef"}
    return running([sys.executable, "-m", "cds_service", "serve"], folder, port, **settings, **more)


def byte_compiled(source: Path) -> Path:
    """A source tree with its byte code, which an installed package has from pip."""
    packages = [str(source / name) for name in ("cds_service", "fhir_profiles")]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *packages], check=True)
    return source


def start_table(sources: Sequence[Path], folder: Path) -> None:
    """Print how long each source tree takes from its start, with a new database, to its first answer."""
    seconds: list[list[float]] = [[] for _ in sources]
    used: list[list[float]] = [[] for _ in sources]
    for turn in range(STARTS):
        for place, source in enumerate(sources):
            with service(source, folder / f"start-{place}-{turn}", free_port()) as server:
                seconds[place].append(server.seconds)
                used[place].append(server.started_with())
    for label, taken, cpu in zip(("here", "compared"), seconds, used, strict=False):
        print(f"start to ready, {label}: {median(taken):.2f} s (target 1.2), of which CPU {median(cpu):.2f} s")


def exported(revision: str, folder: Path) -> Path:
    """The source tree at a revision."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S607
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)  # noqa: S607
    return folder


def in_turns(calls: list[Callable[[], float]], count: int) -> list[list[float]]:
    """The seconds of `count` calls of each."""
    for call in calls * 3:
        call()
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(count):
        for call, seconds in zip(calls, taken, strict=True):
            seconds.append(call())
    return taken


def with_callers(server: Server, body: bytes, count: int) -> float:
    """The 99th percentile of the seconds of calls, four at once."""
    callers = [Caller(server.port) for _ in range(CALLERS)]
    with ThreadPoolExecutor(CALLERS) as pool:
        each = list(pool.map(lambda caller: [caller(body) for _ in range(count)], callers))
    return quantiles([seconds for taken in each for seconds in taken], n=100)[-1]


def stages(server: Server) -> str:
    """The mean milliseconds of each stage, from the metrics of the service."""
    text = requests.get(f"http://127.0.0.1:{server.port}/metrics", timeout=60).text
    sums, counts = (
        {name: float(value) for name, value in re.findall(rf'cds_stage_seconds_{kind}{{stage="(\w+)"}} (\S+)', text)}
        for kind in ("sum", "count")
    )
    return ", ".join(f"{name} {seconds / counts[name] * 1000:.2f}" for name, seconds in sums.items())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compare", metavar="REVISION", help="a git revision to run beside the working tree")
    compared = parser.parse_args().compare
    with TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        (folder / "floor_app.py").write_text(FLOOR_APP, "utf-8")
        ports = [free_port() for _ in range(4)]
        gunicorn = [sys.executable, "-m", "gunicorn", "floor_app:app", "-b", f"127.0.0.1:{ports[0]}", "-w", "1"]
        options = ["-k", "gthread", "--threads", "4", "--keep-alive", "75", "--no-control-socket"]
        floor = servers.enter_context(running([*gunicorn, *options], folder, ports[0]))
        here = servers.enter_context(service(byte_compiled(ROOT), folder / "here", ports[1]))
        clients = {"CDS_CLIENTS": str(register(folder)), "CDS_PUBLIC_URL": f"http://127.0.0.1:{ports[2]}"}
        closed = servers.enter_context(service(ROOT, folder / "closed", ports[2], **clients))
        there = None
        if compared:
            source = byte_compiled(exported(compared, folder / "source"))
            there = servers.enter_context(service(source, folder / "there", ports[3]))
        table(floor, here, closed, there)
        print("\nmilliseconds in each stage, mean over these calls: " + stages(here))
        for label, server in (("here", here), ("compared", there)):
            if server is not None:
                resident, share, own = server.megabytes()
                print(
                    f"a worker, {label}: {resident:.0f} MB resident (target 110), PSS {share:.0f} MB, USS {own:.0f} MB"
                )
        start_table([ROOT, *([source] if there else [])], folder)


def table(floor: Server, here: Server, closed: Server, there: Server | None) -> None:
    """Print the ratios for three sizes of record."""
    other = f" {'compared':>9} {'CPU':>6}" if there else ""
    print(
        f"\n{'over HTTP':>9} {'floor':>10} {'no token':>9} {'target':>7} {'CPU':>6} {'ES384':>7} {'target':>7} "
        f"{'p99':>7} {'target':>7}{other}"
    )
    for label, (resources, count, target, signed_target) in SIZES.items():
        body = build_request(resources, datetime.now(UTC).date())
        signed = tokens("ES384", f"http://127.0.0.1:{closed.port}{PATH}")
        plain = [server for server in (floor, here, there) if server is not None]
        calls = [partial(Caller(server.port), body) for server in plain]
        used = [server.used() for server in plain]
        times = in_turns([*calls, partial(_call_with_token, Caller(closed.port), body, signed)], count)
        cpu = [server.used() - before for server, before in zip(plain, used, strict=True)]
        slowest = [with_callers(server, body, count // 2) for server in plain]
        least, *wall = map(median, times)
        more = f" {wall[1] / least:>8.2f}x {cpu[2] / cpu[0]:>5.2f}x" if there else ""
        print(
            f"{label:>9} {least * 1e6:>7.0f} us {wall[0] / least:>8.2f}x {target:>6.1f}x {cpu[1] / cpu[0]:>5.2f}x "
            f"{wall[-1] / least:>6.2f}x {signed_target:>6.1f}x {slowest[1] / slowest[0]:>6.2f}x {2.5:>6.1f}x{more}"
        )


def _call_with_token(caller: Caller, body: bytes, signed: Iterator[str]) -> float:
    return caller(body, next(signed))


if __name__ == "__main__":
    main()
