Invariant: ir-order-named
Description: "An order says what is ordered, by a code with its code system, a display or a text."
Severity: #error
Expression: "text.exists() or coding.exists((system.exists() and code.exists()) or display.exists())"

Invariant: ir-order-coded
Description: "A code says surely what is ordered; words are matched where there is none."
Severity: #warning
Expression: "code.exists(text.exists() or coding.display.exists()).not() or code.coding.exists(system.exists() and code.exists())"

Invariant: ir-order-wanted
Description: "An order that says not to do something, or that is revoked or erroneous, is not judged."
Severity: #warning
Expression: "doNotPerform.exists($this = true).not() and status.exists($this = 'revoked' or $this = 'entered-in-error').not()"

Invariant: ir-order-reason
Description: "An order names its reason; without one, only the recorded conditions are searched for it."
Severity: #warning
Expression: "reasonCode.exists() or reasonReference.exists()"

Invariant: ir-order-reason-coded
Description: "A reason has a code with its code system; a text alone can't be held against the table."
Severity: #error
Expression: "coding.exists(system.exists() and code.exists())"

Invariant: ir-order-reason-reference
Description: "A reference to a reason names the resource; a display alone can't be held against the table."
Severity: #error
Expression: "reference.exists()"

Profile: IrOrder
Parent: ServiceRequest
Id: ir-order
Title: "Order of an interventional-radiology procedure"
Description: """
What a ServiceRequest must say to be recognized as a procedure of the first table, and to have its reason found. An order
that is not recognized is not judged.
"""
* insert Published
* insert NoModifier
* status MS
* doNotPerform MS
* code 1..1 MS
* code from https://example.org/ir-cds/fhir/ValueSet/order-codes (extensible)
* code obeys ir-order-named
* reasonCode MS
* reasonCode obeys ir-order-reason-coded
* reasonReference MS
* reasonReference obeys ir-order-reason-reference
* obeys ir-order-coded and ir-order-wanted and ir-order-reason
