"""The cost of a whole call over WSGI with and without a token, as a multiple of parsing its body with `orjson.loads`.

Run by `make bench`. The calls go through the application as on the server: token, replay check, rate limit, decision,
log line (discarded).
"""

from __future__ import annotations

import gc
import io
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from floor import NOW, medians
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from synthetic import build_request
from werkzeug.test import create_environ

from cds_service.knowledge.load import load_knowledge
from cds_service.settings import Settings
from cds_service.web.app import create_app
from cds_service.web.logs import configure_logs

PUBLIC_URL, PATH = "https://cds.example.org", "/cds-services/ir-order-sign"
SIZES = {"20 kB": (20, 8.0, 20.0), "200 kB": (205, 2.5, 4.0), "2 MB": (2080, 1.5, 1.6)}
"""Label -> number of resources, target ratio without a token, target ratio with an ES384 token."""
TOKENS = 1500
SECONDS = 4.0
SIGNERS = {"ES384": ec.generate_private_key(ec.SECP384R1()), "RS384": rsa.generate_private_key(65537, 2048)}


def register(folder: Path) -> Path:
    """A clients file with one client for each algorithm."""
    text = ""
    for name, key in SIGNERS.items():
        to_jwk = RSAAlgorithm.to_jwk if name == "RS384" else ECAlgorithm.to_jwk
        keys = {"keys": [to_jwk(key.public_key(), as_dict=True) | {"kid": "1"}]}
        (folder / f"{name}.json").write_text(json.dumps(keys), "utf-8")
        text += f'[[client]]\nissuer = "{name}"\njwks = "{name}.json"\n'
    path = folder / "clients.toml"
    path.write_text(text, "utf-8")
    return path


def tokens(name: str, audience: str = PUBLIC_URL + PATH) -> Iterator[str]:
    """Tokens signed beforehand, because signing is the EHR's work; each can be used once."""
    now = int(time.time())
    claims = {"iss": name, "aud": audience, "iat": now, "exp": now + 3600}
    signed = [
        jwt.encode(claims | {"jti": f"{now}-{time.perf_counter_ns()}"}, SIGNERS[name], name, {"kid": "1"})
        for _ in range(TOKENS)
    ]
    return iter(signed)


def caller(app: Callable[..., Any], body: bytes, bearer: Iterator[str] | None) -> Callable[[], None]:
    """A function that makes one call of the application."""
    environ = create_environ(PATH, method="POST", content_type="application/json")
    environ |= {"CONTENT_LENGTH": str(len(body)), "REMOTE_ADDR": "127.0.0.1"}
    status: list[str] = []

    def call() -> None:
        token = {"HTTP_AUTHORIZATION": f"Bearer {next(bearer)}"} if bearer else {}
        status.clear()
        b"".join(app(environ | token | {"wsgi.input": io.BytesIO(body)}, lambda line, _: status.append(line)))
        assert status == ["200 OK"], status

    return call


def main() -> None:
    """Print the table."""
    configure_logs("INFO", io.StringIO())
    knowledge = load_knowledge()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        limit = {"rate_limit": "100000000/hour"}
        open_app = create_app(Settings(**limit), knowledge, lambda: NOW)
        with_clients = Settings(clients=register(folder), public_url=PUBLIC_URL, **limit)
        closed_app = create_app(with_clients, knowledge, lambda: NOW, used_tokens_folder=folder)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        print(f"\n{'record':>8} {'floor':>10} {'no token':>9} {'target':>7} {'ES384':>8} {'target':>7} {'RS384':>8}")
        for label, (resources, target, target_signed) in SIZES.items():
            body = build_request(resources, NOW.date())
            works = [
                lambda b=body: orjson.loads(b),
                caller(open_app, body, None),
                caller(closed_app, body, tokens("ES384")),
                caller(closed_app, body, tokens("RS384")),
            ]
            floor, no_token, es384, rs384 = medians(works, SECONDS)
            print(
                f"{label:>8} {floor * 1e6:>7.0f} us {no_token / floor:>8.2f}x {target:>6.1f}x {es384 / floor:>7.2f}x "
                f"{target_signed:>6.1f}x {rs384 / floor:>7.2f}x"
            )


if __name__ == "__main__":
    main()
