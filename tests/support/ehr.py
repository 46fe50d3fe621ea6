"""An EHR that signs tokens with its own keys, and a clients file that registers it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PUBLIC_URL = "https://cds.example.org/ir"
DISCOVERY = f"{PUBLIC_URL}/cds-services"
SIGN = f"{DISCOVERY}/ir-order-sign"


@cache
def private_key(kind: str, number: int = 0) -> Any:
    """A private key, created once per run: `P-384`, `P-256`, `RSA` or `short RSA`; `number` selects one of a kind."""
    curves = {"P-384": ec.SECP384R1, "P-256": ec.SECP256R1}
    if kind in curves:
        return ec.generate_private_key(curves[kind]())
    return rsa.generate_private_key(65537, 1024 if kind == "short RSA" else 2048)


def public_jwk(key: Any, kid: str, **members: Any) -> dict[str, Any]:
    """The public key as a JWK."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    jwk: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    return jwk | {"kid": kid} | members


def private_jwk(key: Any, kid: str) -> dict[str, Any]:
    """The private key as a JWK."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    jwk: dict[str, Any] = algorithm.to_jwk(key, as_dict=True)
    return jwk | {"kid": kid}


@dataclass(frozen=True)
class Ehr:
    """An EHR; its tokens follow CDS Hooks unless a test changes them."""

    issuer: str = "https://ehr.example.org"
    kid: str = "key-1"
    algorithm: str = "ES384"
    key: Any = field(default_factory=lambda: private_key("P-384"))

    def jwks(self) -> dict[str, Any]:
        """Its public keys."""
        return {"keys": [public_jwk(self.key, self.kid)]}

    def token(self, url: str = SIGN, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token for one URL.

        Args:
            url: the URL to call.
            header: members to add or replace in the header; one that is None is left out.
            claims: the same for the claims.
        """
        now = int(time.time())
        head = {"kid": self.kid, "typ": "JWT"} | (header or {})
        said = {"iss": self.issuer, "aud": url, "iat": now, "exp": now + 300, "jti": str(uuid4())} | claims
        return jwt.encode(
            {name: value for name, value in said.items() if value is not None},
            self.key,
            algorithm=self.algorithm,
            # PyJWT adds `typ` where it is not named at all, and leaves it out where it is None.
            headers={name: value for name, value in head.items() if value is not None or name == "typ"},
        )

    def bearer(self, url: str = SIGN, **changes: Any) -> dict[str, str]:
        """The header that carries a token."""
        return {"Authorization": f"Bearer {self.token(url, **changes)}"}


def register(folder: Path, *rows: tuple[Ehr, str]) -> Path:
    """A clients file that registers EHRs, each with additional lines of TOML."""
    text = ""
    for number, (ehr, more) in enumerate(rows):
        (folder / f"keys-{number}.json").write_text(json.dumps(ehr.jwks()), "utf-8")
        text += f'[[client]]\nissuer = "{ehr.issuer}"\njwks = "keys-{number}.json"\n{more}\n'
    path = folder / "clients.toml"
    path.write_text(text, "utf-8")
    return path
