"""The request body: must be declared as JSON, uncompressed and not too large."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from cds_service.errors import BodyTooLarge, NotJson, RequestError

# `application/json+fhir` is the name of FHIR JSON in DSTU2.
_JSON_TYPES = {"application/json", "application/fhir+json", "application/json+fhir"}


def json_body(max_body: int) -> bytes:
    """The body as received.

    Raises:
        NotJson: the body is not declared as JSON, or is compressed.
        BodyTooLarge: the body has more than `max_body` bytes.
        RequestError: the connection ended before the body did.
    """
    if request.mimetype not in _JSON_TYPES:
        raise NotJson("The body is not declared as JSON: send Content-Type: application/json.")
    if request.content_encoding not in (None, "", "identity"):
        raise NotJson("The body is compressed: send it without Content-Encoding.")
    too_large = BodyTooLarge(f"The body is larger than {max_body} bytes (setting CDS_MAX_BODY): send less.")
    try:
        body = _whole_body(request.content_length, max_body)
    except RequestEntityTooLarge:
        raise too_large from None
    if len(body) > max_body:
        raise too_large
    if request.content_length is not None and len(body) < request.content_length:  # RFC 9112, 8: may be any part of one
        raise RequestError(f"The body ended after {len(body)} of {request.content_length} bytes: send it whole.")
    return body


def _whole_body(length: int | None, max_body: int) -> bytes:
    """In one piece where its length is told; Werkzeug reads it by 64 kB, which copies a large one several times."""
    if length is None or length > max_body:
        return request.get_data(cache=False)
    body: bytes = request.input_stream.read(length)
    if len(body) < length:
        raise ClientDisconnected
    return body
