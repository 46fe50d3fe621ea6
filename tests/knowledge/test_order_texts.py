"""Orders by their names: texts as catalogs of real hospitals print them, and which procedure each is, if any."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from cds_service.knowledge.order_language import OrderLanguage
from cds_service.knowledge.order_texts import OrderTexts
from cds_service.knowledge.tables import Knowledge
from cds_service.knowledge.words import Words

with (Path(__file__).parent / "order_names.csv").open(newline="", encoding="utf-8") as file:
    NAMES = list(csv.DictReader(file))


def test_the_names_of_orders(knowledge: Knowledge) -> None:
    """Each name is the procedure that the list says, or none."""
    found = [(row, ",".join(knowledge.order_texts.recognize([row["text"]]).procedures)) for row in NAMES]
    assert [(row, named) for row, named in found if named != row["procedure"]] == []


@pytest.mark.parametrize("text", ["", " ", "???", "—", "IR", "x" * 5000, "程序"])
def test_names_that_say_nothing(text: str, knowledge: Knowledge) -> None:
    """A name without words that any procedure has is no procedure, and no error."""
    assert knowledge.order_texts.recognize([text]).procedures == ()


def test_control_characters_part_words(knowledge: Knowledge) -> None:
    """Marks of writing direction and control characters in a name do not hide its words."""
    assert knowledge.order_texts.recognize(["\u202eTIPS\u0000today"]).procedures == ("tips",)


def a_table(**procedures: tuple[list[str], list[str]]) -> OrderTexts:
    """Procedures with their synonyms and exclude terms; `child` descends from `parent`."""
    ancestors = {name: ["parent"] if name == "child" else [] for name in procedures}
    synonyms = {name: names for name, (names, _) in procedures.items()}
    vetoes = {name: terms for name, (_, terms) in procedures.items()}
    return OrderTexts(synonyms, vetoes, ancestors, OrderLanguage({}, Words({"isation": "ization"})))


def test_the_longest_synonym_wins() -> None:
    """`IVC filter retrieval` is the retrieval, though `IVC filter` is in it."""
    table = a_table(placement=(["ivc filter"], []), removal=(["ivc filter retrieval"], []))
    assert table.recognize(["IVC filter retrieval"]).procedures == ("removal",)


def test_words_are_whole() -> None:
    """A synonym inside another word is not there."""
    table = a_table(tips=(["tips"], []), evar=(["evar"], []))
    assert table.recognize(["fingertips", "TEVAR"]).procedures == ()


def test_a_veto_strikes_only_its_procedure() -> None:
    """An exclude term of one procedure leaves another that the text names as well."""
    table = a_table(stent=(["stent"], ["biliary"]), drain=(["drain"], []))
    found = table.recognize(["biliary stent and drain"])
    assert (found.procedures, found.vetoed) == (("drain",), True)
    assert table.recognize(["biliary stent"]).procedures == ()


def test_a_veto_counts_in_any_text_of_the_order() -> None:
    """`CT angiography` as text vetoes the display `Angiography` of the same order."""
    table = a_table(angiography=(["angiography"], ["ct"]))
    assert table.recognize(["Angiography", "CT angiography chest"]).procedures == ()


def test_words_in_another_order() -> None:
    """Two words in any order make a parent more special, and do nothing alone; three or more do."""
    table = a_table(parent=(["embolization"], []), child=(["uterine embolization"], []), other=(["left arm vein"], []))
    assert table.recognize(["Embolisation, uterine"]).procedures == ("child",)
    assert table.recognize(["vein of the left arm"]).procedures == ("other",)
    alone = a_table(child=(["uterine embolization"], []))
    assert alone.recognize(["Embolization, uterine"]).procedures == ()


def test_a_shared_synonym_names_all_its_procedures() -> None:
    """A name that two procedures share leaves both, and says by which words."""
    found = a_table(one=(["lysis"], []), two=(["Lysis"], [])).recognize(["catheter lysis"])
    assert (found.procedures, found.matched) == (("one", "two"), "lysis")


REMARKS = (
    *(
        "elective",
        "planned",
        "tomorrow",
        "next week",
        "segment 6",
        "segments 5/8",
        "seg VII",
        "S6",
        "right lobe",
        "repeat",
    ),
    *(
        "session 2",
        "2nd session",
        "#2",
        "x2",
        "under GA",
        "with sedation",
        "w/o contrast",
        "inpatient",
        "outpt",
        "bedside",
    ),
    *(
        "please",
        "in AM",
        "IR",
        "VIR",
        "L",
        "bilat",
        "(adult)",
        "geplant",
        "elektiv",
        "ambulant",
        "stationär",
    ),
    *("Termin", "bitte", "heute", "li", "re", "bds", "in Vollnarkose", "Nr. 2"),
    *("programado", "urgente", "ambulatorio", "derecho"),
)
"""What orders add to the name of a procedure: when, where, how often, which side."""


@pytest.mark.parametrize("remark", REMARKS)
def test_a_remark_leaves_an_order_as_it_is(remark: str, knowledge: Knowledge) -> None:
    """An order is read as the same procedure with a remark after its short name."""
    recognize = knowledge.order_texts.recognize
    names = [procedure.short for procedure in knowledge.procedures.values()]
    changed = [n for n in names if recognize([f"{n} {remark}"]).procedures != recognize([n]).procedures]
    assert changed == []


@pytest.mark.parametrize(
    "text", ["10 TIPS FOR PARENTS", "Tips to prevent falls", "TACE inhibitor level", "PTA 3 days ago meds"]
)
def test_a_remark_makes_no_procedure_of_another_word(text: str, knowledge: Knowledge) -> None:
    """An acronym among words that say something else stays what it was."""
    assert not knowledge.order_texts.recognize([text]).procedures
