"""The program and `knowledge/wording_keys.toml` agree, held by reading the source: it declares what is said, no more.

Cards name sentences by whole keys; the stages before them give reasons. A reason is `Reason("no-unit")`, or its key
takes a way that is listed here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import cds_service
from cds_service.kinds import CLINICAL, KINDS
from tests.support.shipped import shipped_knowledge, shipped_rows

SOURCE = Path(cds_service.__file__).parent
DECLARED = {key: set(places.split()) for key, places in shipped_rows().wording_keys.items()}
REASONS = {key.removeprefix("reason.") for key in DECLARED if key.startswith("reason.")}
SAID = {key for key in DECLARED if not key.startswith(("reason.", "data.", "advice."))}
PLURAL = re.compile(r"\.(zero|one|other)$")
# Families of which a card chooses one by what was found: `means.` and what a criterion says, `gap.` and the matter.
COMPOSED = (
    *("alert.", "alert_advice."),
    *("means.", "meanwhile.", "gap.", "gap_do.", "block.", "looked_at.", "unlooked.", "record.", "topic."),
    *("summary.section.", "summary.state.", "summary.column.", "summary.level.", "summary.sex.", "summary.urgency."),
    *("summary.fact.", "summary.bleeding-risk.", "summary.result.", "summary.contrast."),
    *("fact.", "hold.", "procedures.", "order.", "reason_card.", "date.", "evidence.", "headline.more"),
    *("class.", "class-or-worse.", "part."),
)
FAMILIES = {key.partition(".")[0] for key in SAID}
STAGES = ("clinical_data", "facts", "findings")

GIVEN_BY = {"Reason": 0, "missing": 1, "_doubted": 2, "_undecided": 1}
"""Functions that are given the key of a reason -> the place of that argument."""
HELD_BY = {"problem", "_STRANGE", "_refusal", "_ALONE"}
"""What holds or returns keys of reasons: fields of facts, a table, a function."""
PASSED_ON = {
    *(
        "clinical_data/retrieved.py: key",
        "clinical_data/fhir_access.py: reason",
        "clinical_data/fhir_access.py: refusal",
    ),
    "clinical_data/data_request.py: _STRANGE[key]",
    *("findings/lab_results.py: fact.problem", "findings/lab_results.py: measured.problem"),
    "findings/lab_results.py: reported.doubt",  # from knowledge/lab_index.py
    "findings/lab_results.py: converted.note",  # the note of a unit in labs.toml
    "findings/derived_labs.py: problem",
    "findings/allergy_list.py: reasons.pop()",
    "findings/indications.py: indication.possible_because",  # named by a row
    "findings/hold_reasons.py: _ALONE[advice.action]",
    "findings/hold_reasons.py: f'ask-{who}'",  # named by a row
    "findings/questions/procedure.py: reason",  # given to `_undecided`
    "findings/questions/unanswered.py: f'{key}-{gaps[0]}'",  # a kind that was not sent, or is not connected
    "cards/quantities.py: reason.key",
}
"""Keys that are no literals where a `Reason` is made: each comes from what is listed above, or from a row."""

OF_A_KIND = ("unavailable", "incomplete", "not-sent", "not-connected")
"""What the reason of a data kind ends with: the keys are made of its prefetch key and one of these."""


def _modules(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((SOURCE / room).rglob("*.py")):
            yield path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text("utf-8"))


def _texts(tree: ast.AST) -> Iterator[str]:
    """Texts of the source that are neither documentation nor only compared with."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif not isinstance(node, ast.Compare) and not (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            yield from _texts(node)


def _outcomes(node: ast.expr | None) -> Iterator[ast.expr]:
    """What an expression may come to: the branches of `x if y else z` and `x or y`, the values of a table."""
    if isinstance(node, ast.IfExp):
        yield from (*_outcomes(node.body), *_outcomes(node.orelse))
    elif isinstance(node, ast.BoolOp | ast.Dict):
        yield from (outcome for value in node.values for outcome in _outcomes(value))
    elif node is not None:
        yield node


def _given(tree: ast.AST) -> Iterator[ast.expr]:
    """Every expression of a module that is given to a function as the key of a reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in GIVEN_BY:
            place = GIVEN_BY[node.func.id]  # type: ignore[attr-defined]  # a call by name
            yield from (key for arg in node.args[place : place + 1] for key in _outcomes(arg))


def _held(tree: ast.AST) -> Iterator[ast.expr]:
    """Every expression that a field, a table or a function keeps as the key of a reason."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (v for k, value in pairs if getattr(k, "value", "") in HELD_BY for v in _outcomes(value))
        elif isinstance(node, ast.keyword | ast.Assign) and _name(node) in HELD_BY:
            yield from _outcomes(node.value)
        elif isinstance(node, ast.FunctionDef) and node.name in HELD_BY:
            returned = (line.value for line in ast.walk(node) if isinstance(line, ast.Return))
            yield from (key for value in returned for key in _outcomes(value))


def _name(node: ast.keyword | ast.Assign) -> str | None:
    return node.arg if isinstance(node, ast.keyword) else getattr(node.targets[0], "id", None)


def _literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value else None


def test_every_reason_that_a_stage_gives_is_declared():
    """Whatever makes an answer unknown is told in words of its own: its key is in the list that the start checks."""
    keys = ((place, node) for place, tree in _modules(*STAGES) for node in (*_given(tree), *_held(tree)))
    given = {(place, key) for place, node in keys if (key := _literal(node))}
    assert {"no-unit", "not-sent", "data-absent", "fhir-no-token", "status-unclear"} <= {key for _, key in given}
    assert sorted(f"{place}: {key}" for place, key in given if key not in REASONS) == []


def test_a_reason_whose_key_is_passed_on_is_known_here():
    """A reason whose key the source does not show would escape the test above, so each such place is listed."""
    keys = ((place, key) for place, tree in _modules(*STAGES, "cards", "summary") for key in _given(tree))
    found = {f"{place}: {ast.unparse(key)}" for place, key in keys if not isinstance(key, ast.Constant)}
    assert found == PASSED_ON


def test_every_declared_reason_is_given():
    """No reason is kept that no stage gives, so nobody translates or reviews a sentence that is never said."""
    used = {text for _, tree in _modules(*STAGES, "knowledge") for text in _texts(tree)}
    composed = {f"{kind.key}-{end}" for kind in CLINICAL for end in OF_A_KIND}
    assert sorted(REASONS - used - composed - {"other"}) == []


def test_a_reason_brings_the_values_of_its_sentence():
    """A reason that is made with values has the places of its sentence, so none is said with a gap in it."""
    for place, tree in _modules(*STAGES):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Reason" and node.args:
                key = _literal(node.args[0])
                values = node.args[1] if len(node.args) > 1 else ast.Dict([], [])
                if key and isinstance(values, ast.Dict):
                    names = {getattr(name, "value", "") for name in values.keys}
                    assert names == DECLARED[f"reason.{key}"] - {"data"}, (place, key)


def test_cards_say_what_is_declared_and_all_of_it():
    """Every sentence that a card names is one that the start checks for, and no other is kept."""
    pattern = re.compile(rf"({'|'.join(sorted(FAMILIES))})\.[a-z_.-]+")
    named = {text for _, tree in _modules("cards", "summary") for text in _texts(tree) if pattern.fullmatch(text)}
    declared = {key: PLURAL.sub("", key) for key in SAID}
    assert {name for name in named if name not in declared.values() and not name.startswith(COMPOSED)} == set()
    assert {key for key, stem in declared.items() if stem not in named and not key.startswith(COMPOSED)} == set()


def test_advice_that_cards_give_by_themselves_is_declared():
    """Advice that belongs to no row but to what was found is in the list that the start checks."""
    used = {text for _, tree in _modules("cards", "summary") for text in _texts(tree)}
    assert [key for key in DECLARED if key.startswith("advice.") and key.removeprefix("advice.") not in used] == []


def test_every_kind_of_data_has_a_name():
    """Each prefetch key, and each list of orders that a call can carry, is called by a name that people read."""
    wanted = {f"data.{kind}" for kind in (*KINDS, "draftOrders", "appointments")}
    assert {key for key in shipped_knowledge().wording if key.startswith("data.")} == wanted


@pytest.mark.parametrize(
    ("source", "keys"),
    [
        ('Reason("a" if x else "b")', ["a", "b"]),
        ('missing(data, y or "c")', ["c"]),
        ('def f():\n    return {"problem": "d"}', ["d"]),
        ('problem = None if ok else "e"', ["e"]),
        ('Measurement(problem="f")', ["f"]),
        ('_STRANGE = {"g": "h"}', ["h"]),
        ('def _refusal():\n    return None if token else "i"', ["i"]),
        ('log("j")', []),
    ],
)
def test_every_way_of_giving_a_reason_is_seen(source: str, keys: list[str]):
    """The reading of the source is awake: each way in which a stage gives a reason is found."""
    tree = ast.parse(source)
    assert [key for node in (*_given(tree), *_held(tree)) if (key := _literal(node))] == keys
