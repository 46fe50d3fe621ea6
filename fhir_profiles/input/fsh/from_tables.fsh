// Made from the tables by `cds-service package build`: change the tables, not this file.

RuleSet: Release
* ^version = "2026.11"

Invariant: ir-condition-system
Description: "A condition that counts has a code of a code system that the tables read."
Severity: #error
Expression: "clinicalStatus.coding.exists(code = 'inactive' or code = 'resolved') or verificationStatus.coding.exists(code = 'entered-in-error' or code = 'refuted') or code.coding.exists(system.exists() and code.exists()).not() or code.coding.exists(code.exists() and system.exists($this in ('http://snomed.info/sct' | 'urn:oid:2.16.840.1.113883.6.96' | '2.16.840.1.113883.6.96' | 'https://snomed.info/sct' | 'http://hl7.org/fhir/sid/icd-10-cm' | 'urn:oid:2.16.840.1.113883.6.90' | '2.16.840.1.113883.6.90' | 'https://hl7.org/fhir/sid/icd-10-cm' | 'http://hl7.org/fhir/sid/icd-10' | 'urn:oid:2.16.840.1.113883.6.3' | '2.16.840.1.113883.6.3' | 'https://hl7.org/fhir/sid/icd-10' | 'http://www.cms.gov/Medicare/Coding/ICD10' | 'urn:oid:2.16.840.1.113883.6.4' | '2.16.840.1.113883.6.4' | 'http://hl7.org/fhir/sid/icd-10-pcs' | 'http://loinc.org' | 'urn:oid:2.16.840.1.113883.6.1' | '2.16.840.1.113883.6.1' | 'https://loinc.org' | 'http://www.nlm.nih.gov/research/umls/rxnorm' | 'urn:oid:2.16.840.1.113883.6.88' | '2.16.840.1.113883.6.88' | 'http://fdasis.nlm.nih.gov' | 'urn:oid:2.16.840.1.113883.4.9' | '2.16.840.1.113883.4.9' | 'https://fdasis.nlm.nih.gov' | 'http://www.whocc.no/atc' | 'urn:oid:2.16.840.1.113883.6.73' | '2.16.840.1.113883.6.73' | 'https://example.org/ir-cds/fhir/CodeSystem/procedures')))"

Invariant: ir-allergy-named
Description: "An allergy, or a substance of its reactions, has a text or a code of a code system that the tables read."
Severity: #error
Expression: "verificationStatus.coding.exists(code = 'entered-in-error' or code = 'refuted') or (code | reaction.substance).exists(text.exists() or coding.display.exists() or coding.exists(code.exists() and system.exists($this in ('http://snomed.info/sct' | 'urn:oid:2.16.840.1.113883.6.96' | '2.16.840.1.113883.6.96' | 'https://snomed.info/sct' | 'http://hl7.org/fhir/sid/icd-10-cm' | 'urn:oid:2.16.840.1.113883.6.90' | '2.16.840.1.113883.6.90' | 'https://hl7.org/fhir/sid/icd-10-cm' | 'http://hl7.org/fhir/sid/icd-10' | 'urn:oid:2.16.840.1.113883.6.3' | '2.16.840.1.113883.6.3' | 'https://hl7.org/fhir/sid/icd-10' | 'http://www.cms.gov/Medicare/Coding/ICD10' | 'urn:oid:2.16.840.1.113883.6.4' | '2.16.840.1.113883.6.4' | 'http://hl7.org/fhir/sid/icd-10-pcs' | 'http://loinc.org' | 'urn:oid:2.16.840.1.113883.6.1' | '2.16.840.1.113883.6.1' | 'https://loinc.org' | 'http://www.nlm.nih.gov/research/umls/rxnorm' | 'urn:oid:2.16.840.1.113883.6.88' | '2.16.840.1.113883.6.88' | 'http://fdasis.nlm.nih.gov' | 'urn:oid:2.16.840.1.113883.4.9' | '2.16.840.1.113883.4.9' | 'https://fdasis.nlm.nih.gov' | 'http://www.whocc.no/atc' | 'urn:oid:2.16.840.1.113883.6.73' | '2.16.840.1.113883.6.73' | 'https://example.org/ir-cds/fhir/CodeSystem/procedures'))))"

Invariant: ir-unit-bilirubin
Description: "Bilirubin, total: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('1975-2' | '14631-6' | '42719-5' | '54363-7' | '77137-8' | '35194-0'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('mg/dL' | 'mg/dl' | 'umol/L' | 'µmol/L' | 'μmol/L' | 'umol/l' | 'mg/L')))"

Invariant: ir-unit-cd4
Description: "CD4 cells: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('24467-3'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('/uL' | '{cells}/uL' | '{#}/uL' | '/mm3' | '10*6/L' | 'cells/uL' | '/mcL' | '10^6/L' | '10*9/L' | '10*3/uL' | 'K/uL' | 'k/uL' | 'G/L' | '10^9/L' | '10^3/uL')))"

Invariant: ir-unit-creatinine
Description: "Creatinine: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('2160-0' | '14682-9' | '38483-4' | '59826-8' | '77140-2' | '35203-9' | '21232-4'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('mg/dL' | 'mg/dl' | 'umol/L' | 'µmol/L' | 'μmol/L' | 'umol/l' | 'mmol/L' | 'mg/L')))"

Invariant: ir-unit-ecog
Description: "ECOG performance status: no unit, or one that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('89247-1'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).empty() or (code | unit).exists($this in ('{score}' | '1' | 'score')))"

Invariant: ir-unit-egfr
Description: "eGFR: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('98979-8' | '98980-6' | '62238-1' | '33914-3' | '69405-9' | '48642-3' | '48643-1' | '50044-7' | '70969-1' | '77147-7' | '88293-6' | '88294-4' | '94677-2' | '50210-4'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('mL/min/{1.73_m2}' | 'mL/min/{1.73m2}' | 'mL/min/1.73m2' | 'mL/min/1.73 m2' | 'mL/min/1.73.m2' | 'mL/min/1.73m²' | 'mL/min/1.73 m²' | 'mL/min/1.73_m2' | 'mL/min/{1.73_m2 }' | 'mL/min/1.73' | 'mL/min/1.73sq m' | 'ml/min/1.73m2' | 'ml/min/1.73 m2' | 'mL/min/1.73m^2' | 'mL/min/{1.73}' | 'mL/min' | 'ml/min' | 'mL/s/{1.73_m2}')))"

Invariant: ir-unit-inr
Description: "INR: no unit, or one that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('6301-6' | '34714-6' | '38875-1' | '46418-0' | '52129-4'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).empty() or (code | unit).exists($this in ('1' | '{INR}' | '{ratio}' | '{inr}' | 'INR' | 'ratio' | 'Ratio')))"

Invariant: ir-unit-leukocytes
Description: "Leukocytes: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('6690-2' | '26464-8' | '804-5' | '49498-9'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('10*9/L' | '10*3/uL' | '10*6/mL' | 'K/uL' | 'k/uL' | 'G/L' | '10^9/L' | '10^3/uL' | '10E9/L' | '10E3/uL' | 'x10E3/uL' | 'x10^3/uL' | 'x10^9/L' | 'x10*9/L' | 'x10*3/uL' | 'thou/uL' | 'Thousand/uL' | 'thousand/uL' | 'K/mcL' | '10*3/mm3' | '10*9/l' | '10*3/ul' | 'Thou/mm3' | '/uL' | '{cells}/uL' | '{#}/uL' | '/mm3' | '10*6/L' | 'cells/uL' | '/mcL' | '10^6/L')))"

Invariant: ir-unit-lvef
Description: "LVEF: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('10230-1' | '18043-0' | '8806-2' | '8807-0' | '8808-8' | '8811-2' | '8812-0' | '18044-8' | '18045-5' | '79991-6' | '79990-8' | '8810-4' | '8809-6'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('%' | 'percent' | '1' | '{ratio}' | '{fraction}')))"

Invariant: ir-unit-neutrophil-fraction
Description: "Neutrophils, percent of leukocytes: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('770-8' | '26511-6'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('%' | 'percent' | '1' | '{ratio}')))"

Invariant: ir-unit-neutrophils
Description: "Absolute neutrophil count: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('751-8' | '26499-4' | '753-4'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('10*9/L' | '10*3/uL' | '10*6/mL' | 'K/uL' | 'k/uL' | 'G/L' | '10^9/L' | '10^3/uL' | '10E9/L' | '10E3/uL' | 'x10E3/uL' | 'x10^3/uL' | 'x10^9/L' | 'x10*9/L' | 'x10*3/uL' | 'thou/uL' | 'Thousand/uL' | 'thousand/uL' | 'K/mcL' | '10*3/mm3' | '10*9/l' | '10*3/ul' | 'Thou/mm3' | '/uL' | '{cells}/uL' | '{#}/uL' | '/mm3' | '10*6/L' | 'cells/uL' | '/mcL' | '10^6/L')))"

Invariant: ir-answer-nyha
Description: "NYHA class: the answer is a code."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('88020-3'))) implies ((value.empty() or value is CodeableConcept) and value.ofType(CodeableConcept).all(coding.exists(system.exists() and code.exists())))"

Invariant: ir-unit-paco2
Description: "PaCO2: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('2019-8' | '32771-8'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('mm[Hg]' | 'mmHg' | 'mm Hg' | 'Torr' | 'torr' | 'kPa')))"

Invariant: ir-unit-pao2
Description: "PaO2: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('2703-7' | '19255-9'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('mm[Hg]' | 'mmHg' | 'mm Hg' | 'Torr' | 'torr' | 'kPa')))"

Invariant: ir-unit-platelets
Description: "Platelets: a unit that the table converts."
Severity: #error
Expression: "code.coding.exists(system = 'http://loinc.org' and code.exists($this in ('777-3' | '26515-7' | '778-1' | '49497-1' | '13056-7' | '26516-5'))) implies (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).exists($this in ('10*9/L' | '10*3/uL' | '10*6/mL' | 'K/uL' | 'k/uL' | 'G/L' | '10^9/L' | '10^3/uL' | '10E9/L' | '10E3/uL' | 'x10E3/uL' | 'x10^3/uL' | 'x10^9/L' | 'x10*9/L' | 'x10*3/uL' | 'thou/uL' | 'Thousand/uL' | 'thousand/uL' | 'K/mcL' | '10*3/mm3' | '10*9/l' | '10*3/ul' | 'Thou/mm3' | '/uL' | '{cells}/uL' | '{#}/uL' | '/mm3' | '10*6/L' | 'cells/uL' | '/mcL' | '10^6/L')))"

RuleSet: LabsOfUnableToCooperate
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-unable-to-cooperate (required)
* obeys ir-unit-ecog

RuleSet: LabsOfHeartFailure
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-heart-failure (required)
* obeys ir-unit-lvef and ir-answer-nyha

RuleSet: LabsOfRespiratoryFailure
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-respiratory-failure (required)
* obeys ir-unit-paco2 and ir-unit-pao2

RuleSet: LabsOfLiverFailure
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-liver-failure (required)
* obeys ir-unit-bilirubin and ir-unit-creatinine and ir-unit-inr

RuleSet: LabsOfKidneyFailure
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-kidney-failure (required)
* obeys ir-unit-creatinine and ir-unit-egfr

RuleSet: LabsOfBleedingTendency
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-bleeding-tendency (required)
* obeys ir-unit-inr and ir-unit-platelets

RuleSet: LabsOfImmuneWeakness
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-immune-weakness (required)
* obeys ir-unit-cd4 and ir-unit-leukocytes and ir-unit-neutrophil-fraction and ir-unit-neutrophils and ir-unit-platelets
