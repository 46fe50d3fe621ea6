"""Where we and HL7's validator differ, by case, and why; docs/validation.md says the same in fewer words."""

from __future__ import annotations

_VITAL = (
    "HAPI does not hold an Observation against the vital sign profiles by its code; HL7's command line does, as we do"
)
_OWN_VALUE = "it wants the value at the discriminator's element; we also read it from the slice's own pattern"
_SYSTEM = "it does not check the form of a system without a terminology server"

KNOWN: dict[str, str] = {
    "valid: a profile that is not at hand": "an error there, information here: nobody has every profile",
    "forbidden: an abstract resource type": "it reads DomainResource as a resource",
    "forbidden: an element with an id only": "ele-1 says that children do not count the id",
    "forbidden: extensions of unequal length": "it does not compare the lengths of the two arrays",
    "valid: a code of another release in place of one that R4 lacks": (
        "HL7's command line knows the extensions for other releases and accepts it, as we do; HAPI has none of them"
    ),
    "forbidden: a type of reference that is none": "R4 says that the type is the name of a resource type",
    "forbidden: a language that is none": "it does not check the grammar of languages without a terminology server",
    "extension: on the id of a resource": "its type is one of FHIRPath, which has no extensions",
    "forbidden: a system that is not absolute": _SYSTEM,
    "forbidden: a value set as system": _SYSTEM,
    "forbidden: a page as system": _SYSTEM,
    **dict.fromkeys(
        (
            "vital sign: in another unit",
            "vital sign: without its category",
            "vital sign: of another category",
            "vital sign: without a time",
            "vital sign: by category alone, without a time",
            "vital sign: of a month",
        ),
        _VITAL,
    ),
    "Bundle: an entry of a batch without its URL": "R4 needs no fullUrl in a batch",
    "Bundle: what went wrong in a search": "an OperationOutcome of a search has no identity, so no fullUrl",
    "profile: an other before the end": "it does not check openAtEnd",
    **dict.fromkeys(
        (
            "profile: own pattern",
            "profile: own fixed value",
            "profile: own pattern, deep",
            "profile: pattern between",
        ),
        _OWN_VALUE,
    ),
    "profile: the rest with what it needs": "it has no default slice",
    "profile: smallest value": "it does not check minValue and maxValue here",
    "profile: largest value": "it does not check minValue and maxValue here",
    "mutant of observation: reference to the wrong type at Observation.subject (subject)": (
        "it does not take the type from the text of a reference that it can't resolve"
    ),
    "mutant of order: reference to no resource type at ServiceRequest.reasonReference (reasonReference)": (
        "it does not check the type in a relative reference"
    ),
}
