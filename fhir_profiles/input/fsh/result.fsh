Invariant: ir-result-coded
Description: "A result has a code with its code system; one that is named by text alone is never read."
Severity: #error
Expression: "coding.exists(system.exists() and code.exists())"

Invariant: ir-result-status
Description: "The status says whether the result counts; of one with status unknown nothing is believed."
Severity: #error
Expression: "status.exists($this = 'unknown').not()"

Invariant: ir-result-final
Description: "A preliminary result counts, but is marked as preliminary."
Severity: #warning
Expression: "status.exists($this = 'preliminary').not()"

Invariant: ir-result-counts
Description: "A registered, cancelled or erroneous result is passed over."
Severity: #warning
Expression: "status.exists($this = 'registered' or $this = 'cancelled' or $this = 'entered-in-error').not()"

Invariant: ir-result-dated
Description: "A result has the time of collection, or at least of issue; one without a date may be of any age."
Severity: #error
Expression: "effective.ofType(dateTime).exists() or effective.ofType(instant).exists() or effective.ofType(Period).exists(start.exists() or end.exists()) or issued.exists()"

Invariant: ir-result-collected
Description: "The time of collection decides the age of a result; the time of issue is only taken in its place."
Severity: #warning
Expression: "effective.exists() or issued.empty()"

Invariant: ir-result-day
Description: "The time is given to the day at least; a month or year may be too old or not."
Severity: #warning
Expression: "effective.ofType(dateTime).all($this.toString().length() >= 10)"

Invariant: ir-result-value
Description: "A result has a value, says why it has none, or is a panel of components or members."
Severity: #error
Expression: "value.exists() or dataAbsentReason.exists() or component.exists() or hasMember.exists()"

Invariant: ir-result-number
Description: "A quantity has a number."
Severity: #error
Expression: "value.ofType(Quantity).all(value.exists())"

Invariant: ir-result-text
Description: "A number is sent as a quantity with its unit, not as text."
Severity: #warning
Expression: "value.ofType(string).all($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$').not())"

Invariant: ir-result-text-number
Description: "A value sent as text begins with a number, or with a comparison and a number."
Severity: #error
Expression: "value.ofType(string).all($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$'))"

Profile: IrResult
Parent: Observation
Id: ir-result
Title: "Lab result or measurement as the service reads it"
Description: """
What an Observation must say to be held against a limit: a code that the tables know, a status that counts, a date, and a
number with its unit. What is missing makes the question unknown, never absent.
"""
* insert Published
* insert NoModifier
* status MS
* code MS
* code obeys ir-result-coded
* code from https://example.org/ir-cds/fhir/ValueSet/lab-codes (preferred)
* code ^short = "What was measured, as LOINC; the bound value set holds those that the tables read"
* effective[x] MS
* effective[x] only dateTime or Period or instant
* issued MS
* value[x] MS
* value[x] only Quantity or Range or integer or string or CodeableConcept
* value[x] ^short = "A number with its unit; a code where the answer is one (NYHA class)"
* dataAbsentReason MS
* component MS
* component.modifierExtension 0..0
* hasMember MS
* obeys ir-result-status and ir-result-final and ir-result-counts and ir-result-dated and ir-result-collected and ir-result-day
* obeys ir-result-value and ir-result-number and ir-result-text and ir-result-text-number
