Invariant: ir-allergy-named
Description: "An allergy, or a substance of its reactions, has a text or a code of a code system that the tables read."
Severity: #error
Expression: "verificationStatus.coding.exists(code = 'entered-in-error' or code = 'refuted') or (code | reaction.substance).exists(text.exists() or coding.display.exists() or coding.exists(code.exists() and system.exists('{code systems}'.contains('~' & $this & '~'))))"

Invariant: ir-allergy-coded
Description: "A code says surely what the allergy is to; words are matched where there is none."
Severity: #warning
Expression: "verificationStatus.coding.exists(code = 'entered-in-error' or code = 'refuted') or (code | reaction.substance).exists(text.exists() or coding.display.exists()).not() or (code | reaction.substance).coding.exists(system.exists() and code.exists())"

Invariant: ir-allergy-graded
Description: "A criticality, a severity or a manifestation says how serious it is; without one, a severe reaction is not heard."
Severity: #warning
Expression: "criticality.exists() or reaction.exists(severity.exists() or manifestation.exists())"

Profile: IrAllergy
Parent: AllergyIntolerance
Id: ir-allergy
Title: "AllergyIntolerance as the service reads it"
Description: """
What any allergy must say to be told from an allergy to contrast or iodine: a code or at least a text. One that says
neither may be to anything, so the question of a contrast allergy stays unknown.
"""
* insert Published
* insert NoModifier
* clinicalStatus MS
* verificationStatus MS
* type MS
* criticality MS
* code MS
* onset[x] MS
* recordedDate MS
* reaction MS
* reaction.modifierExtension 0..0
* reaction.modifierExtension ^short = "None is understood: an allergy with one can't be judged"
* reaction.substance MS
* reaction.manifestation MS
* reaction.description MS
* reaction.severity MS
* obeys ir-allergy-named and ir-allergy-coded

Profile: IrContrastAllergy
Parent: IrAllergy
Id: ir-contrast-allergy
Title: "Allergy to contrast or iodine as the service reads it"
Description: """
An allergy to a contrast agent, or to iodine where the agent is not stated. Criticality, severity and manifestation
decide how loudly it counts.
"""
* insert Published
* code 1..1 MS
* code from https://example.org/ir-cds/fhir/ValueSet/allergies-iodine-allergy (required)
* obeys ir-allergy-graded
