Invariant: ir-condition-coded
Description: "A condition that counts has a code with its code system; a text alone can't be judged."
Severity: #error
Expression: "clinicalStatus.coding.exists(code = 'inactive' or code = 'resolved') or verificationStatus.coding.exists(code = 'entered-in-error' or code = 'refuted') or code.empty() or code.coding.exists(system.exists() and code.exists())"

Invariant: ir-condition-system
Description: "A condition that counts has a code of a code system that the tables read."
Severity: #error
Expression: "clinicalStatus.coding.exists(code = 'inactive' or code = 'resolved') or verificationStatus.coding.exists(code = 'entered-in-error' or code = 'refuted') or code.coding.exists(system.exists() and code.exists()).not() or code.coding.exists(code.exists() and system.exists('{code systems}'.contains('~' & $this & '~')))"

Invariant: ir-condition-clinical-status
Description: "The clinical status says whether the condition is active; without it, it counts as active unless it has ended."
Severity: #warning
Expression: "clinicalStatus.exists() or verificationStatus.coding.exists(code = 'entered-in-error')"

Invariant: ir-condition-confirmed
Description: "A condition that is not confirmed counts one level lower, and supports no indication by itself."
Severity: #warning
Expression: "verificationStatus.coding.exists(code = 'unconfirmed' or code = 'provisional' or code = 'differential').not()"

Invariant: ir-condition-dated
Description: "An onset or recorded date tells an acute condition from an old one."
Severity: #warning
Expression: "onset.ofType(dateTime).exists() or onset.ofType(Period).start.exists() or recordedDate.exists()"

Profile: IrCondition
Parent: Condition
Id: ir-condition
Title: "Condition as the service reads it"
Description: """
What a Condition must say to be held against the tables: a code of a known code system, and whether it is active,
confirmed and recent. Without a code it is not judged, and what rests on the conditions is unknown.
"""
* insert Published
* insert NoModifier
* code 1..1 MS
* code from https://example.org/ir-cds/fhir/ValueSet/condition-codes (preferred)
* code ^short = "The disorder, with a code; the bound value set holds those that the tables ask for"
* clinicalStatus MS
* verificationStatus MS
* category MS
* category ^short = "encounter-diagnosis makes an acute condition one of the current encounter"
* encounter MS
* onset[x] MS
* abatement[x] MS
* recordedDate MS
* obeys ir-condition-coded and ir-condition-system and ir-condition-clinical-status and ir-condition-confirmed and ir-condition-dated
