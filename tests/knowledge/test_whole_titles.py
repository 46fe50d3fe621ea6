"""A text that is the whole title of a code says what the code says; nothing else is one."""

from __future__ import annotations

from hashlib import sha256

import pytest

from cds_service.knowledge.whole_titles import PATH, WholeTitles, records_of
from tests.knowledge.test_title_words import KNOWLEDGE, WORDS, named, read, sets_of
from tests.support.samples import sample
from tools.title_words import Title, titles_of_releases, whole

CM, WHO = "http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-10"


def test_the_codes_of_a_title_are_found() -> None:
    """Each title gives the codes that bear it, whatever their length; another text gives none."""
    titles = [(["lumbago"], CM, "M54.5"), (["lumbago"], WHO, "M54.5"), (["plague"], WHO, "A20"), ([], CM, "Z00")]
    titles.append((["broken", "arm"], CM, "S42.301A"))
    found = WholeTitles(records_of(titles))
    assert found.codes_of(["lumbago"]) == [(CM, "M54.5"), (WHO, "M54.5")]
    assert found.codes_of(["plague"]) == [(WHO, "A20")]
    assert found.codes_of(["broken", "arm"]) == [(CM, "S42.301A")]
    assert [found.codes_of(words) for words in (["arm"], ["arm", "broken"], [], ["lumbago", "plague"])] == [[]] * 4
    assert WholeTitles().codes_of(["lumbago"]) == []


def test_the_file_is_the_one_that_was_written_with_the_words() -> None:
    """Both are written by one run, and the version of the tables counts the file by its hash."""
    assert sha256(PATH.read_bytes()).hexdigest() == WORDS["whole_titles"]


@pytest.mark.slow
@pytest.mark.sampled
def test_every_title_of_the_file_is_read_as_its_code() -> None:
    """Every tenth: none is unread, and one that a question asks for names what its code does, or words of it do."""
    listed = list(titles_of_releases())
    codes = {(system, code) for _, system, code in whole(listed, KNOWLEDGE.diagnosis_texts)}
    kept: dict[str, list[Title]] = {}
    for title in listed:
        if (title.system, title.code) in codes:
            kept.setdefault(title.text, []).append(title)
    tried = sample([text for text in kept if sum(map(len, KNOWLEDGE.diagnosis_texts.words_in(text))) > 1], 10)
    assert len(kept) > 60_000
    assert [text for text in tried if not read(text).known] == []
    alone = [text for text in tried if len(kept[text]) == 1 and sets_of(kept[text][0])]
    assert [text for text in alone if not named(read(text))] == []


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        (
            "Chronic systolic (congestive) heart failure",
            {"criterion-heart-failure"},
        ),
        ("Acute embolism and thrombosis of unspecified deep veins of left lower extremity", {"condition-dvt-lower"}),
        ("Atherosclerotic heart disease of native coronary artery without angina pectoris", set()),
        ("Migraine, unspecified, not intractable, without status migrainosus (HCC)", set()),
        ("Infección de vías urinarias, sitio no especificado", {"criterion-urinary-infection"}),
        ("HEPATITIS VIRAL, NO ESPECIFICADA, CON COMA HEPÁTICO", {"criterion-hepatic-coma"}),
    ],
)
def test_a_title_is_read_whatever_its_words_say(text: str, sets: set[str]) -> None:
    """Case, punctuation and marks of a billing system change nothing."""
    reading = read(text)
    assert reading.known
    assert sets <= named(reading)
    assert bool(sets) == bool(named(reading))


@pytest.mark.parametrize(
    "text",
    [
        "Chronic systolic (congestive) heart failure improved greatly hmm",
        "Migraine, unspecified, not intractable, without status migrainosus, and blorbs",
        "heart disease of native coronary artery atherosclerotic pectoris",
        "Chronic systolic (congestive) heart failure?",
        "? Migraine, unspecified, not intractable, without status migrainosus",
    ],
)
def test_a_title_with_more_words_or_others_is_none(text: str) -> None:
    """Only a whole title stands for its code, and none that is asked as a question."""
    assert not read(text).known


def test_what_the_words_surely_say_stays_beside_the_code() -> None:
    """The code of colitis says nothing of the bleeding that its title names."""
    assert "condition-gi-bleeding-arterial" in named(read("Ulcerative (chronic) rectosigmoiditis with rectal bleeding"))
