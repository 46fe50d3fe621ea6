"""CodeSystems of the ids that answers speak of: procedures, indications, contraindications with their questions, and
what a card is about.

An id is never reused, so a draft or retired row keeps its concept, marked inactive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from cds_service.knowledge.rows import is_active
from cds_service.knowledge.table_rows import Row
from cds_service.publishing.definition import Resource, definition

_HL7 = "http://hl7.org/fhir/concept-properties"
_PARENT = {
    "code": "parent",
    "uri": f"{_HL7}#parent",
    "description": "The procedure that this one is a kind of.",
    "type": "code",
}
_INACTIVE = {
    "code": "inactive",
    "uri": f"{_HL7}#inactive",
    "description": "True for a draft or retired row: it does not speak.",
    "type": "boolean",
}
_TOPIC = "topic."
_FORMER_TOPICS = {
    "indication": "Missing indication",
    "alert": "Condition that needs other treatment",
    "not-checked": "Not checked",
}
_PROCEDURE = {"code": "procedure", "description": "Id of the procedure that it is a reason for.", "type": "code"}


def code_systems(procedures: Mapping[str, Row], contraindications: Mapping[str, Row], release: str) -> list[Resource]:
    """The three CodeSystems.

    Args:
        procedures: every [[procedure]] row by id, of any status.
        contraindications: the same of [[contraindication]].
        release: of the tables.
    """
    return [
        _system(
            ("procedures", "Interventional-radiology procedures"),
            "Ids of the procedures of the first table.",
            release,
            [_procedure(row) for row in procedures.values()],
            [_PARENT, _INACTIVE],
            "is-a",
        ),
        _system(
            ("indications", "Indications of interventional-radiology procedures"),
            "Ids of the reasons for which the first table supports a procedure.",
            release,
            [_indication(row, key) for key, of in procedures.items() for row in of.get("indication", ())],
            [_PROCEDURE, _INACTIVE],
        ),
        _system(
            ("contraindications", "Contraindications to interventional-radiology procedures"),
            "Ids of the rows of the second table, and below each the ids of the questions that answer it.",
            release,
            [_contraindication(row) for row in contraindications.values()],
            [_INACTIVE],
            "part-of",
        ),
    ]


def card_topics(contraindications: Mapping[str, Row], wording: Mapping[str, str], release: str) -> Resource:
    """The CodeSystem of `source.topic` of cards: the problems of a patient, and the other kinds of card.

    The topics of cards of before, rows of the second table among them, stay as inactive codes.

    Args:
        contraindications: every [[contraindication]] row by id, of any status.
        wording: sentences by key; each `topic.<code>` is a topic.
        release: of the tables.
    """
    topics = {key.removeprefix(_TOPIC): label for key, label in wording.items() if key.startswith(_TOPIC)}
    before = {key: row["label"] for key, row in contraindications.items()} | _FORMER_TOPICS
    former = [
        {"code": key, "display": label, "property": [{"code": "inactive", "valueBoolean": True}]}
        for key, label in before.items()
        if key not in topics
    ]
    return _system(
        ("card-topics", "What a card of this service is about"),
        "The topic of a card's source: the problem of the patient that it is about, or the kind of card.",
        release,
        [*({"code": key, "display": label} for key, label in topics.items()), *former],
        [_INACTIVE],
    )


def _system(
    name: tuple[str, str],
    description: str,
    release: str,
    concepts: list[Resource],
    properties: list[Row],
    hierarchy: str | None = None,
) -> Resource:
    key, title = name
    return definition("CodeSystem", key, release, title=title, description=description) | {
        "caseSensitive": True,
        **({"hierarchyMeaning": hierarchy} if hierarchy else {}),
        "content": "complete",
        "count": sum(1 + len(c.get("concept", ())) for c in concepts),
        "property": properties,
        "concept": concepts,
    }


def _concept(row: Row, properties: Iterable[Row] = ()) -> Resource:
    listed = [*properties, *([] if is_active(row) else [{"code": "inactive", "valueBoolean": True}])]
    return {"code": row["id"], "display": row["label"]} | ({"property": listed} if listed else {})


def _procedure(row: Row) -> Resource:
    return _concept(row, [{"code": "parent", "valueCode": row["parent"]}] if "parent" in row else ())


def _indication(row: Row, procedure: str) -> Resource:
    return _concept(row, [{"code": "procedure", "valueCode": procedure}])


def _contraindication(row: Row) -> Resource:
    return _concept(row) | {"concept": [_concept(criterion) for criterion in row["criterion"]]}
