"""The OpenAPI document, checked against the routes of the application."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from cds_service.hooks.catalog import SERVICES
from tests.support.calls import NOTHING_RECORDED, a_call
from tests.web.conftest import MakeApp


def described_as(document: dict[str, Any], name: str) -> Draft202012Validator:
    """A validator of one of the document's schemas."""
    return Draft202012Validator(document | {"$ref": f"#/components/schemas/{name}"})


def test_the_document_is_valid(client: FlaskClient) -> None:
    """The document is valid OpenAPI 3.1."""
    document = client.get("/openapi.json").get_json()
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_every_route_is_described_and_nothing_else(make_app: MakeApp) -> None:
    """The document has each path and method of the application, and no others."""
    app = make_app()
    routes = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    document = app.test_client().get("/openapi.json").get_json()
    assert {(path, method) for path, item in document["paths"].items() for method in item} == routes


def test_the_ids_of_the_services_are_listed(client: FlaskClient) -> None:
    """The path parameter of a call lists the service ids."""
    parameter = client.get("/openapi.json").get_json()["components"]["parameters"]["serviceId"]
    assert parameter["schema"]["enum"] == list(SERVICES)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/cds-services", "/nowhere"])
def test_answers_are_as_described(client: FlaskClient, path: str) -> None:
    """The response of each path matches its schema in the document."""
    document = client.get("/openapi.json").get_json()
    name = {"/cds-services": "Discovery", "/nowhere": "OperationOutcome"}.get(path, "Status")
    described_as(document, name).validate(client.get(path).get_json())


def test_a_call_and_its_answer_are_as_described(client: FlaskClient) -> None:
    """A hook request and its response match their schemas in the document."""
    document = client.get("/openapi.json").get_json()
    body = a_call(prefetch=NOTHING_RECORDED)
    described_as(document, "HookRequest").validate(body)
    described_as(document, "Context-order-sign").validate(body["context"])
    answer = client.post("/cds-services/ir-order-sign", json=body)
    described_as(document, "HookResponse").validate(answer.get_json())


def test_the_public_address_is_the_server(make_app: MakeApp) -> None:
    """Behind a proxy the document has the public URL."""
    client = make_app(public_url="https://cds.example.org/ir").test_client()
    assert client.get("/openapi.json").get_json()["servers"] == [{"url": "https://cds.example.org/ir"}]
