"""How often one client may call. Counted in Redis where several machines share one, else in each server process."""

from __future__ import annotations

from flask import Flask, request
from flask_limiter import Limiter

from cds_service.security.replay import REDIS_OPTIONS
from cds_service.settings import Settings
from cds_service.web.access import OPEN_PATHS
from cds_service.web.callers import calling_client


def limit_calls(app: Flask, settings: Settings) -> None:
    """Answers more than `CDS_RATE_LIMIT` calls of one client with 429; the open paths are not counted.

    Args:
        app: the application; who is calling must be known before.
        settings: the settings in force.
    """
    if settings.rate_limit is None:
        return
    limiter = Limiter(
        key_func=_who,
        app=app,
        application_limits=[settings.rate_limit],
        storage_uri=settings.redis_url or "memory://",
        storage_options=REDIS_OPTIONS if settings.redis_url else {},
        # Where Redis does not answer each process counts for itself.
        in_memory_fallback_enabled=settings.redis_url is not None,
        headers_enabled=True,
        key_prefix="cds",
    )
    limiter.request_filter(_is_open)


def _who() -> str:
    client = calling_client()
    return client.issuer if client else request.remote_addr or ""


def _is_open() -> bool:
    return request.path in OPEN_PATHS
