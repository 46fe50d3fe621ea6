// One profile for each row of the second table that reads labs. What a row reads is in from_tables.fsh.

Profile: IrBleedingResult
Parent: IrResult
Id: ir-bleeding-result
Title: "Result read for bleeding tendency"
Description: "INR and platelets, with a unit that the tables convert."
* insert Published
* insert LabsOfBleedingTendency

Profile: IrRenalResult
Parent: IrResult
Id: ir-renal-result
Title: "Result read for kidney failure"
Description: "Creatinine and eGFR, with a unit that the tables convert."
* insert Published
* insert LabsOfKidneyFailure

Profile: IrHepaticResult
Parent: IrResult
Id: ir-hepatic-result
Title: "Result read for liver failure"
Description: "Bilirubin, and what MELD is computed from, with a unit that the tables convert."
* insert Published
* insert LabsOfLiverFailure

Profile: IrHematologyResult
Parent: IrResult
Id: ir-hematology-result
Title: "Result read for weakened immunity"
Description: "Blood counts and CD4 cells, with a unit that the tables convert."
* insert Published
* insert LabsOfImmuneWeakness

Profile: IrCardiacResult
Parent: IrResult
Id: ir-cardiac-result
Title: "Result read for heart failure"
Description: "Ejection fraction with a unit that the tables convert, and NYHA class as a code."
* insert Published
* insert LabsOfHeartFailure

Profile: IrRespiratoryResult
Parent: IrResult
Id: ir-respiratory-result
Title: "Result read for respiratory failure"
Description: "Blood gases, with a unit that the tables convert."
* insert Published
* insert LabsOfRespiratoryFailure

Profile: IrPerformanceResult
Parent: IrResult
Id: ir-performance-result
Title: "Performance status read for inability to cooperate"
Description: "ECOG performance status as a number."
* insert Published
* insert LabsOfUnableToCooperate
