"""Signs as a client: the JWT of CDS Hooks, and the client assertion of SMART backend services.

Source: CDS Hooks 2.0.1, Trusting CDS Clients; SMART App Launch 2.2, Client Authentication: Asymmetric.
"""

from __future__ import annotations

import time
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import orjson
import requests
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cds_service.errors import SetupError

_LIFETIME = 300
_SECONDS = 30
_ALGORITHMS = ("ES384", "RS384")
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FIELDS = {"client_id", "key", "kid", "algorithm", "scope", "token_url"}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key; `kid` is its id in the registered JWK Set."""

    key: Any
    algorithm: str
    kid: str | None

    def sign(self, **claims: object) -> str:
        """A JWT with these claims, a new `jti` and a lifetime of five minutes."""
        now = int(time.time())
        body = {"iat": now, "exp": now + _LIFETIME, "jti": str(uuid4()), **claims}
        headers = {"typ": "JWT", **({"kid": self.kid} if self.kid else {})}
        return jwt.encode(body, self.key, self.algorithm, headers)


@dataclass(frozen=True, slots=True)
class SmartClient:
    """A client registered for SMART backend services."""

    client_id: str
    key: SigningKey
    scope: str
    token_url: str | None


def read_key(path: Path, kid: str | None = None, algorithm: str | None = None) -> SigningKey:
    """A private key from a PEM or JWK file; the algorithm follows from the key type.

    Raises:
        SetupError: the file holds no private key for ES384 or RS384.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SetupError(f"{path}: can't be read ({error.strerror}); give a private key as PEM or JWK") from None
    try:
        if content.lstrip().startswith(b"{"):
            jwk = orjson.loads(content)
            kid = kid or jwk.get("kid")
            wanted = algorithm or jwk.get("alg") or ("ES384" if jwk.get("kty") == "EC" else "RS384")
            key = jwt.PyJWK(jwk, wanted).key
        else:
            key = load_pem_private_key(content, password=None)
            wanted = algorithm or ("ES384" if isinstance(key, EllipticCurvePrivateKey) else "RS384")
        found = SigningKey(key, wanted, kid)
        if wanted not in _ALGORITHMS:
            raise ValueError(wanted)
        found.sign()
    except (ValueError, TypeError, AttributeError, jwt.PyJWTError) as error:
        raise SetupError(
            f"{path}: is not a private key for {' or '.join(_ALGORITHMS)} ({type(error).__name__}); "
            "give an EC key on curve P-384 or an RSA key, unencrypted, as PEM or JWK"
        ) from None
    return found


def named_key(path: Path, kid: str | None) -> SigningKey:
    """A private key with its id, without which no service finds the public one.

    Raises:
        SetupError: the file holds no private key for ES384 or RS384, or the key has no id.
    """
    key = read_key(path, kid)
    if key.kid is None:
        raise SetupError(f"{path}: has no kid, by which the service finds the key; add --kid ID")
    return key


def public_key_set(key: SigningKey) -> str:
    """The public key as a JWK Set in JSON, to be registered with the other side."""
    kind = jwt.algorithms.ECAlgorithm if key.algorithm.startswith("ES") else jwt.algorithms.RSAAlgorithm
    public = kind.to_jwk(key.key.public_key(), as_dict=True) | {"use": "sig", "alg": key.algorithm}
    return orjson.dumps({"keys": [public | ({"kid": key.kid} if key.kid else {})]}, option=orjson.OPT_INDENT_2).decode()


def read_smart_client(path: Path) -> SmartClient:
    """A client from a TOML file: `client_id`, `key` (path relative to the file), optional `kid`, `scope`, `token_url`.

    Raises:
        SetupError: the file or its key can't be used.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SetupError(
            f'{path}: can\'t be read as TOML ({error}); write client_id = "..." and key = "FILE"'
        ) from None
    unknown = sorted(set(content) - _FIELDS)
    if unknown or not all(isinstance(value, str) for value in content.values()):
        raise SetupError(
            f"{path}: {', '.join(unknown) or 'a value that is not text'}; write only {', '.join(sorted(_FIELDS))}"
        )
    missing = [name for name in ("client_id", "key") if not content.get(name)]
    if missing:
        raise SetupError(f"{path}: {missing[0]} is missing; write the registered id and the file of its private key")
    key = read_key(path.parent / content["key"], content.get("kid"), content.get("algorithm"))
    return SmartClient(content["client_id"], key, content.get("scope", "system/*.read"), content.get("token_url"))


def fetch_token(client: SmartClient, base: str, verify: bool | str = True) -> str:
    """An access token for a FHIR server, by SMART backend services.

    Args:
        client: the registered client.
        base: base URL of the FHIR server, for the discovery of its token endpoint.
        verify: file of CA certificates to trust instead of the public CAs.

    Raises:
        SetupError: there is no token endpoint, or it issued no token; the message quotes its error.
    """
    url = client.token_url or _token_url(base, verify)
    assertion = client.key.sign(iss=client.client_id, sub=client.client_id, aud=url)
    form = {
        "grant_type": "client_credentials",
        "scope": client.scope,
        "client_assertion_type": _ASSERTION,
        "client_assertion": assertion,
    }
    status, answer = _request_json("POST", url, verify, form)
    token = answer.get("access_token")
    if status != requests.codes.ok or not isinstance(token, str):
        reason = " ".join(str(answer[name]) for name in ("error", "error_description") if answer.get(name))
        raise SetupError(
            f"{url}: answered {status} and issued no token{f': {reason}' if reason else ''}. "
            "Check that the public key is registered for this client_id and the scope is granted"
        )
    return token


def _token_url(base: str, verify: bool | str) -> str:
    url = f"{base.rstrip('/')}/.well-known/smart-configuration"
    status, answer = _request_json("GET", url, verify)
    endpoint = answer.get("token_endpoint")
    if not isinstance(endpoint, str):
        raise SetupError(f"{url}: answered {status} without a token_endpoint; write token_url in the client's file")
    return endpoint


def _request_json(method: str, url: str, verify: bool | str, form: Mapping[str, str] | None = None) -> tuple[int, Any]:
    with requests.Session() as session:
        session.trust_env = False
        try:
            response = session.request(
                method,
                url,
                data=form,
                headers={"Accept": "application/json"},
                timeout=_SECONDS,
                allow_redirects=False,
                verify=verify,
            )
            answer = orjson.loads(response.content)
        except requests.RequestException as error:
            raise SetupError(f"{url}: no answer ({type(error).__name__}); check the URL") from None
        except orjson.JSONDecodeError:
            answer = {}
    return response.status_code, answer if isinstance(answer, dict) else {}
