Invariant: ir-patient-birth-date
Description: "The birth date is needed to compute eGFR where only creatinine was reported."
Severity: #warning
Expression: "birthDate.exists()"

Invariant: ir-patient-gender
Description: "Administrative gender male or female is needed to compute eGFR where only creatinine was reported."
Severity: #warning
Expression: "gender.exists($this = 'male' or $this = 'female')"

Profile: IrPatient
Parent: Patient
Id: ir-patient
Title: "Patient as the service reads it"
Description: "Birth date and administrative gender, which formulas need. Nothing else of a Patient is read."
* insert Published
* birthDate MS
* gender MS
* obeys ir-patient-birth-date and ir-patient-gender
