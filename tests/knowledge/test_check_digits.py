"""A mistyped code of LOINC or SNOMED CT is known by its check digit."""

from __future__ import annotations

import pytest

from cds_service.knowledge.check_digits import LOINC, SNOMED_CT, is_mistyped

RIGHT = [(LOINC, "777-3"), (LOINC, "1975-2"), (LOINC, "6301-6"), (LOINC, "LA6576-8"), (LOINC, " 777-3")]
RIGHT += [(SNOMED_CT, code) for code in ("66857006", "395751002", "95315005", "302215000")]


@pytest.mark.parametrize(("system", "code"), RIGHT)
def test_a_code_is_known_to_be_right(system: str, code: str) -> None:
    """A code of a release passes."""
    assert not is_mistyped(system, code)


@pytest.mark.parametrize(("system", "code"), [one for one in RIGHT if not one[1].startswith(("LA", " "))])
def test_any_mistyped_digit_is_noticed(system: str, code: str) -> None:
    """Another digit in any place, and any two digits beside each other in the wrong order (but 0 and 9 in LOINC)."""
    for place, was in enumerate(code):
        others = [digit for digit in "0123456789" if digit != was] if was.isdigit() else []
        assert all(is_mistyped(system, f"{code[:place]}{digit}{code[place + 1 :]}") for digit in others)
        two = code[place : place + 2]
        if two.isdigit() and len(set(two)) == 2 and not (system == LOINC and set(two) == {"0", "9"}):
            assert is_mistyped(system, f"{code[:place]}{two[::-1]}{code[place + 2 :]}")


def test_what_has_no_check_digit_is_not_judged() -> None:
    """A code of another system, and no code at all, say nothing."""
    assert not is_mistyped("http://hl7.org/fhir/sid/icd-10-cm", "D25.9")
    assert is_mistyped(LOINC, "")
    assert is_mistyped(SNOMED_CT, "fibroid")
