"""Names of medications in words: several in one text, abbreviations beside a name, and misspelled ones."""

from __future__ import annotations

import pytest

from cds_service.knowledge.tables import Knowledge

JOINED = (
    "{} + {}",
    "{}+{}",
    "{}/{}",
    "{} / {}",
    "{} und {}",
    "{} u. {}",
    "{} and {}",
    "{} & {}",
    "{} y {}",
    "{} plus {}",
)
PAIRS = (("Plavix", "ASS"), ("clopidogrel", "ASA"), ("Brilique", "AAS"), ("ASA", "ticagrelor"), ("Efient", "aspirin"))
MISSPELLED = (
    *("Warafin 5 mg", "rivoraxaban", "Rivaroxoben", "tigacrelor 90", "fondaparinuks", "apixabin 5 mg bid tablett"),
    *("clopidorgell", "enoxiparine", "Marcoumarr", "dabigitran etexilat", "acenokumarol", "phenprokumon"),
)
OF_SOMETHING_ELSE = (
    *(
        "Metoprolol",
        "Tramadol",
        "Candesartan",
        "Carvedilol",
        "Atorvastatin",
        "Pravastatin",
        "Prednisolone",
        "Allopurinol",
    ),
    *(
        "Pantoprazol",
        "Ephedrine 25 mg",
        "Periactin",
        "Triflucan",
        "Macular vitamins",
        "Amlodipin",
        "Hydrochlorothiazide",
    ),
    *("Levothyroxine", "Torasemid", "Bisoprolol", "Ramipril", "Mirtazapin", "Duloxetine", "Gabapentin", "Actidose"),
    *(
        "not anticoagulated",
        "sin anticoagulantes",
        "keine Antikoagulation",
        "Mesalazine (5-ASA)",
        "Cephalexin",
        "Apixol",
    ),
)


@pytest.mark.parametrize("pattern", JOINED)
def test_two_agents_in_one_name_are_both_read(pattern: str, knowledge: Knowledge):
    """Whatever joins them, and where the second is only an abbreviation of aspirin."""
    texts = knowledge.medications.texts
    named = {pair: set(texts.agents_in(pattern.format(*pair))) for pair in PAIRS}
    assert {pair: agents for pair, agents in named.items() if len(agents) != 2 or "aspirin-low" not in agents} == {}


def test_asa_alone_is_no_drug(knowledge: Knowledge):
    """It is the class of the anesthesiologists as well; beside an antiplatelet it is aspirin."""
    texts = knowledge.medications.texts
    assert texts.agents_in("ASA III") == {}
    assert texts.agents_in("Mesalazine 5-ASA and clopidogrel") == {"clopidogrel": True}
    assert texts.agents_in("Plavix + ASA") == {"aspirin-low": False, "clopidogrel": True}


def test_a_misspelled_antithrombotic_is_read_or_asked_about(knowledge: Knowledge):
    """Two slips in a name are not read, and do not make another drug of it either."""
    texts = knowledge.medications.texts
    assert [t for t in MISSPELLED if not texts.agents_in(t) and not texts.may_be_misspelled(t)] == []


def test_every_name_is_still_asked_about_with_two_slips(knowledge: Knowledge):
    """Two neighbors that changed places, twice: of every one-word name of nine letters or more of an antithrombotic."""
    table = knowledge.medications
    missed = []
    for name, agents in table.texts.names.items():
        kinds = {table.agents[agent].kind for agent in agents}
        if kinds <= {"anticoagulant", "antiplatelet", "thrombolytic"} and name.isalpha() and len(name) > 8:
            slipped = name[:2] + name[3] + name[2] + name[4:-2] + name[-1] + name[-2]
            if not table.texts.agents_in(slipped) and not table.texts.may_be_misspelled(slipped):
                missed.append(slipped)
    assert missed == []


def test_other_drugs_are_not_taken_for_misspelled_ones(knowledge: Knowledge):
    """What is only alike is something else."""
    texts = knowledge.medications.texts
    assert [t for t in OF_SOMETHING_ELSE if texts.agents_in(t) or texts.may_be_misspelled(t)] == []
