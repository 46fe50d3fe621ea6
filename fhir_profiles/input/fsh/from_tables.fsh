// Made from the tables by `cds-service package build`: change the tables, not this file.

RuleSet: Release
* ^version = "2026.11"

Invariant: ir-condition-system
Description: "A condition that counts has a code of a code system that the tables read."
Severity: #error
Expression: "clinicalStatus.coding.exists(code = 'inactive' or code = 'resolved') or verificationStatus.coding.exists(code = 'entered-in-error' or code = 'refuted') or code.coding.exists(system.exists() and code.exists()).not() or code.coding.exists(code.exists() and system.exists('~http://snomed.info/sct~urn:oid:2.16.840.1.113883.6.96~2.16.840.1.113883.6.96~https://snomed.info/sct~http://hl7.org/fhir/sid/icd-10-cm~urn:oid:2.16.840.1.113883.6.90~2.16.840.1.113883.6.90~https://hl7.org/fhir/sid/icd-10-cm~http://hl7.org/fhir/sid/icd-10~urn:oid:2.16.840.1.113883.6.3~2.16.840.1.113883.6.3~https://hl7.org/fhir/sid/icd-10~http://www.cms.gov/Medicare/Coding/ICD10~urn:oid:2.16.840.1.113883.6.4~2.16.840.1.113883.6.4~http://hl7.org/fhir/sid/icd-10-pcs~http://loinc.org~urn:oid:2.16.840.1.113883.6.1~2.16.840.1.113883.6.1~https://loinc.org~http://www.nlm.nih.gov/research/umls/rxnorm~urn:oid:2.16.840.1.113883.6.88~2.16.840.1.113883.6.88~http://fdasis.nlm.nih.gov~urn:oid:2.16.840.1.113883.4.9~2.16.840.1.113883.4.9~https://fdasis.nlm.nih.gov~http://www.whocc.no/atc~urn:oid:2.16.840.1.113883.6.73~2.16.840.1.113883.6.73~https://example.org/ir-cds/fhir/CodeSystem/procedures~'.contains('~' & $this & '~')))"

Invariant: ir-allergy-named
Description: "An allergy, or a substance of its reactions, has a text or a code of a code system that the tables read."
Severity: #error
Expression: "verificationStatus.coding.exists(code = 'entered-in-error' or code = 'refuted') or (code | reaction.substance).exists(text.exists() or coding.display.exists() or coding.exists(code.exists() and system.exists('~http://snomed.info/sct~urn:oid:2.16.840.1.113883.6.96~2.16.840.1.113883.6.96~https://snomed.info/sct~http://hl7.org/fhir/sid/icd-10-cm~urn:oid:2.16.840.1.113883.6.90~2.16.840.1.113883.6.90~https://hl7.org/fhir/sid/icd-10-cm~http://hl7.org/fhir/sid/icd-10~urn:oid:2.16.840.1.113883.6.3~2.16.840.1.113883.6.3~https://hl7.org/fhir/sid/icd-10~http://www.cms.gov/Medicare/Coding/ICD10~urn:oid:2.16.840.1.113883.6.4~2.16.840.1.113883.6.4~http://hl7.org/fhir/sid/icd-10-pcs~http://loinc.org~urn:oid:2.16.840.1.113883.6.1~2.16.840.1.113883.6.1~https://loinc.org~http://www.nlm.nih.gov/research/umls/rxnorm~urn:oid:2.16.840.1.113883.6.88~2.16.840.1.113883.6.88~http://fdasis.nlm.nih.gov~urn:oid:2.16.840.1.113883.4.9~2.16.840.1.113883.4.9~https://fdasis.nlm.nih.gov~http://www.whocc.no/atc~urn:oid:2.16.840.1.113883.6.73~2.16.840.1.113883.6.73~https://example.org/ir-cds/fhir/CodeSystem/procedures~'.contains('~' & $this & '~'))))"

Invariant: ir-unit-bilirubin
Description: "Bilirubin, total: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~1975-2~14631-6~42719-5~54363-7~77137-8~35194-0~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~mg/dL~mg/dl~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~umol/L~µmol/L~μmol/L~umol/l~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~mg/L~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~mg/dL~mg/dl~umol/L~µmol/L~μmol/L~umol/l~mg/L~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-bilirubin
Description: "Bilirubin, total: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~1975-2~14631-6~42719-5~54363-7~77137-8~35194-0~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~mg/dL~mg/dl~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 100) and ((code | unit).exists('~umol/L~µmol/L~μmol/L~umol/l~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 1710) and ((code | unit).exists('~mg/L~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 1000)), true)"

Invariant: ir-unit-cd4
Description: "CD4 cells: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~24467-3~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~10*9/L~10*3/uL~K/uL~k/uL~G/L~10^9/L~10^3/uL~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~10*9/L~10*3/uL~K/uL~k/uL~G/L~10^9/L~10^3/uL~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-cd4
Description: "CD4 cells: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~24467-3~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 20000) and ((code | unit).exists('~10*9/L~10*3/uL~K/uL~k/uL~G/L~10^9/L~10^3/uL~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 20)), true)"

Invariant: ir-unit-creatinine
Description: "Creatinine: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~2160-0~14682-9~38483-4~59826-8~77140-2~35203-9~21232-4~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~mg/dL~mg/dl~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~umol/L~µmol/L~μmol/L~umol/l~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~mmol/L~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~mg/L~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~mg/dL~mg/dl~umol/L~µmol/L~μmol/L~umol/l~mmol/L~mg/L~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-creatinine
Description: "Creatinine: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~2160-0~14682-9~38483-4~59826-8~77140-2~35203-9~21232-4~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~mg/dL~mg/dl~'.contains('~' & $this & '~')) and value.exists() implies value >= 0.01 and value <= 60) and ((code | unit).exists('~umol/L~µmol/L~μmol/L~umol/l~'.contains('~' & $this & '~')) and value.exists() implies value >= 0.884 and value <= 5304) and ((code | unit).exists('~mmol/L~'.contains('~' & $this & '~')) and value.exists() implies value >= 0.00088401697 and value <= 5.3041018) and ((code | unit).exists('~mg/L~'.contains('~' & $this & '~')) and value.exists() implies value >= 0.1 and value <= 600)), true)"

Invariant: ir-unit-ecog
Description: "ECOG performance status: a number without a unit, or with one that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~89247-1~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).empty() or (code | unit).exists('~{score}~1~score~'.contains('~' & $this & '~'))) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~~{score}~1~score~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty(), true)"

Invariant: ir-range-ecog
Description: "ECOG performance status: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~89247-1~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((((code | unit).exists('~{score}~1~score~'.contains('~' & $this & '~')) or (code | unit).empty()) and value.exists() implies value >= 0 and value <= 5)), true)"

Invariant: ir-unit-egfr
Description: "eGFR: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~98979-8~98980-6~62238-1~33914-3~69405-9~48642-3~48643-1~50044-7~70969-1~77147-7~88293-6~88294-4~94677-2~50210-4~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~mL/min/{1.73_m2}~mL/min/{1.73m2}~mL/min/1.73m2~mL/min/1.73 m2~mL/min/1.73.m2~mL/min/1.73m²~mL/min/1.73 m²~mL/min/1.73_m2~mL/min/{1.73_m2 }~mL/min/1.73~mL/min/1.73sq m~ml/min/1.73m2~ml/min/1.73 m2~mL/min/1.73m^2~mL/min/{1.73}~mL/min~ml/min~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~mL/s/{1.73_m2}~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~~mL/min/{1.73_m2}~mL/min/{1.73m2}~mL/min/1.73m2~mL/min/1.73 m2~mL/min/1.73.m2~mL/min/1.73m²~mL/min/1.73 m²~mL/min/1.73_m2~mL/min/{1.73_m2 }~mL/min/1.73~mL/min/1.73sq m~ml/min/1.73m2~ml/min/1.73 m2~mL/min/1.73m^2~mL/min/{1.73}~mL/min~ml/min~mL/s/{1.73_m2}~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-egfr
Description: "eGFR: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~98979-8~98980-6~62238-1~33914-3~69405-9~48642-3~48643-1~50044-7~70969-1~77147-7~88293-6~88294-4~94677-2~50210-4~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~mL/min/{1.73_m2}~mL/min/{1.73m2}~mL/min/1.73m2~mL/min/1.73 m2~mL/min/1.73.m2~mL/min/1.73m²~mL/min/1.73 m²~mL/min/1.73_m2~mL/min/{1.73_m2 }~mL/min/1.73~mL/min/1.73sq m~ml/min/1.73m2~ml/min/1.73 m2~mL/min/1.73m^2~mL/min/{1.73}~mL/min~ml/min~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 300) and ((code | unit).exists('~mL/s/{1.73_m2}~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 5)), true)"

Invariant: ir-unit-inr
Description: "INR: a number without a unit, or with one that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~6301-6~34714-6~38875-1~46418-0~52129-4~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((code | unit).empty() or (code | unit).exists('~1~{INR}~{ratio}~{inr}~INR~ratio~Ratio~'.contains('~' & $this & '~'))) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~~1~{INR}~{ratio}~{inr}~INR~ratio~Ratio~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty(), true)"

Invariant: ir-range-inr
Description: "INR: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~6301-6~34714-6~38875-1~46418-0~52129-4~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((((code | unit).exists('~1~{INR}~{ratio}~{inr}~INR~ratio~Ratio~'.contains('~' & $this & '~')) or (code | unit).empty()) and value.exists() implies value >= 0.1 and value <= 50)), true)"

Invariant: ir-unit-leukocytes
Description: "Leukocytes: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~6690-2~26464-8~804-5~49498-9~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~10*9/L~10*3/uL~10*6/mL~K/uL~k/uL~G/L~10^9/L~10^3/uL~10E9/L~10E3/uL~x10E3/uL~x10^3/uL~x10^9/L~x10*9/L~x10*3/uL~thou/uL~Thousand/uL~thousand/uL~K/mcL~10*3/mm3~10*9/l~10*3/ul~Thou/mm3~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~10*9/L~10*3/uL~10*6/mL~K/uL~k/uL~G/L~10^9/L~10^3/uL~10E9/L~10E3/uL~x10E3/uL~x10^3/uL~x10^9/L~x10*9/L~x10*3/uL~thou/uL~Thousand/uL~thousand/uL~K/mcL~10*3/mm3~10*9/l~10*3/ul~Thou/mm3~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-leukocytes
Description: "Leukocytes: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~6690-2~26464-8~804-5~49498-9~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~10*9/L~10*3/uL~10*6/mL~K/uL~k/uL~G/L~10^9/L~10^3/uL~10E9/L~10E3/uL~x10E3/uL~x10^3/uL~x10^9/L~x10*9/L~x10*3/uL~thou/uL~Thousand/uL~thousand/uL~K/mcL~10*3/mm3~10*9/l~10*3/ul~Thou/mm3~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 2000) and ((code | unit).exists('~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 2000000)), true)"

Invariant: ir-unit-lvef
Description: "LVEF: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~10230-1~18043-0~8806-2~8807-0~8808-8~8811-2~8812-0~18044-8~18045-5~79991-6~79990-8~8810-4~8809-6~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~%~percent~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~1~{ratio}~{fraction}~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~%~percent~1~{ratio}~{fraction}~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-lvef
Description: "LVEF: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~10230-1~18043-0~8806-2~8807-0~8808-8~8811-2~8812-0~18044-8~18045-5~79991-6~79990-8~8810-4~8809-6~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~%~percent~'.contains('~' & $this & '~')) and value.exists() implies value >= 1 and value <= 100) and ((code | unit).exists('~1~{ratio}~{fraction}~'.contains('~' & $this & '~')) and value.exists() implies value >= 0.01 and value <= 1)), true)"

Invariant: ir-unit-neutrophil-fraction
Description: "Neutrophils, percent of leukocytes: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~770-8~26511-6~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~%~percent~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~1~{ratio}~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~%~percent~1~{ratio}~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-neutrophil-fraction
Description: "Neutrophils, percent of leukocytes: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~770-8~26511-6~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~%~percent~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 100) and ((code | unit).exists('~1~{ratio}~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 1)), true)"

Invariant: ir-unit-neutrophils
Description: "Absolute neutrophil count: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~751-8~26499-4~753-4~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~10*9/L~10*3/uL~10*6/mL~K/uL~k/uL~G/L~10^9/L~10^3/uL~10E9/L~10E3/uL~x10E3/uL~x10^3/uL~x10^9/L~x10*9/L~x10*3/uL~thou/uL~Thousand/uL~thousand/uL~K/mcL~10*3/mm3~10*9/l~10*3/ul~Thou/mm3~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~10*9/L~10*3/uL~10*6/mL~K/uL~k/uL~G/L~10^9/L~10^3/uL~10E9/L~10E3/uL~x10E3/uL~x10^3/uL~x10^9/L~x10*9/L~x10*3/uL~thou/uL~Thousand/uL~thousand/uL~K/mcL~10*3/mm3~10*9/l~10*3/ul~Thou/mm3~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-neutrophils
Description: "Absolute neutrophil count: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~751-8~26499-4~753-4~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~10*9/L~10*3/uL~10*6/mL~K/uL~k/uL~G/L~10^9/L~10^3/uL~10E9/L~10E3/uL~x10E3/uL~x10^3/uL~x10^9/L~x10*9/L~x10*3/uL~thou/uL~Thousand/uL~thousand/uL~K/mcL~10*3/mm3~10*9/l~10*3/ul~Thou/mm3~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 1000) and ((code | unit).exists('~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 1000000)), true)"

Invariant: ir-answer-nyha
Description: "NYHA class: the answer is a code."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~88020-3~'.contains('~' & $this & '~'))), ((value.empty() or value is CodeableConcept) and value.ofType(CodeableConcept).all(coding.exists(system.exists() and code.exists()))), true)"

Invariant: ir-unit-paco2
Description: "PaCO2: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~2019-8~32771-8~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~mm[Hg]~mmHg~mm Hg~Torr~torr~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~kPa~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~mm[Hg]~mmHg~mm Hg~Torr~torr~kPa~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-paco2
Description: "PaCO2: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~2019-8~32771-8~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~mm[Hg]~mmHg~mm Hg~Torr~torr~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 300) and ((code | unit).exists('~kPa~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 39.996694)), true)"

Invariant: ir-unit-pao2
Description: "PaO2: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~2703-7~19255-9~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~mm[Hg]~mmHg~mm Hg~Torr~torr~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~kPa~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~mm[Hg]~mmHg~mm Hg~Torr~torr~kPa~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-pao2
Description: "PaO2: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~2703-7~19255-9~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~mm[Hg]~mmHg~mm Hg~Torr~torr~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 800) and ((code | unit).exists('~kPa~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 106.65785)), true)"

Invariant: ir-unit-platelets
Description: "Platelets: a number with a unit that the table converts."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~777-3~26515-7~778-1~49497-1~13056-7~26516-5~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all((iif((code | unit).exists('~10*9/L~10*3/uL~10*6/mL~K/uL~k/uL~G/L~10^9/L~10^3/uL~10E9/L~10E3/uL~x10E3/uL~x10^3/uL~x10^9/L~x10*9/L~x10*3/uL~thou/uL~Thousand/uL~thousand/uL~K/mcL~10*3/mm3~10*9/l~10*3/ul~Thou/mm3~'.contains('~' & $this & '~')), 1, 0) + iif((code | unit).exists('~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this & '~')), 1, 0)) = 1) and value.ofType(string).where($this.matches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9].*$')).all('~10*9/L~10*3/uL~10*6/mL~K/uL~k/uL~G/L~10^9/L~10^3/uL~10E9/L~10E3/uL~x10E3/uL~x10^3/uL~x10^9/L~x10*9/L~x10*3/uL~thou/uL~Thousand/uL~thousand/uL~K/mcL~10*3/mm3~10*9/l~10*3/ul~Thou/mm3~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this.replaceMatches('^\\\\s*(<=|>=|<|>|≤|≥)?\\\\s*[0-9]+(\\\\.[0-9]+)?(\\\\s*[-–]\\\\s*[0-9]+(\\\\.[0-9]+)?)?\\\\s*', '') & '~')) and value.ofType(CodeableConcept).empty() and value.ofType(integer).empty(), true)"

Invariant: ir-range-platelets
Description: "Platelets: a number that can be true in its unit."
Severity: #error
Expression: "iif(code.coding.exists(system = 'http://loinc.org' and code.exists('~777-3~26515-7~778-1~49497-1~13056-7~26516-5~'.contains('~' & $this & '~'))), (value.ofType(Quantity) | value.ofType(Range).low | value.ofType(Range).high).all(((code | unit).exists('~10*9/L~10*3/uL~10*6/mL~K/uL~k/uL~G/L~10^9/L~10^3/uL~10E9/L~10E3/uL~x10E3/uL~x10^3/uL~x10^9/L~x10*9/L~x10*3/uL~thou/uL~Thousand/uL~thousand/uL~K/mcL~10*3/mm3~10*9/l~10*3/ul~Thou/mm3~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 5000) and ((code | unit).exists('~/uL~{cells}/uL~{#}/uL~/mm3~10*6/L~cells/uL~/mcL~10^6/L~'.contains('~' & $this & '~')) and value.exists() implies value >= 0 and value <= 5000000)), true)"

RuleSet: LabsOfUnableToCooperate
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-unable-to-cooperate (required)
* obeys ir-unit-ecog and ir-range-ecog

RuleSet: LabsOfHeartFailure
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-heart-failure (required)
* obeys ir-unit-lvef and ir-range-lvef and ir-answer-nyha

RuleSet: LabsOfRespiratoryFailure
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-respiratory-failure (required)
* obeys ir-unit-paco2 and ir-range-paco2 and ir-unit-pao2 and ir-range-pao2

RuleSet: LabsOfLiverFailure
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-liver-failure (required)
* obeys ir-unit-bilirubin and ir-range-bilirubin and ir-unit-creatinine and ir-range-creatinine and ir-unit-inr and ir-range-inr

RuleSet: LabsOfKidneyFailure
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-kidney-failure (required)
* obeys ir-unit-creatinine and ir-range-creatinine and ir-unit-egfr and ir-range-egfr

RuleSet: LabsOfBleedingTendency
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-bleeding-tendency (required)
* obeys ir-unit-inr and ir-range-inr and ir-unit-platelets and ir-range-platelets

RuleSet: LabsOfImmuneWeakness
* ^copyright = "LOINC codes are used under the LOINC licence (Regenstrief Institute)."
* code from https://example.org/ir-cds/fhir/ValueSet/labs-immune-weakness (required)
* obeys ir-unit-cd4 and ir-range-cd4 and ir-unit-leukocytes and ir-range-leukocytes and ir-unit-neutrophil-fraction and ir-range-neutrophil-fraction and ir-unit-neutrophils and ir-range-neutrophils and ir-unit-platelets and ir-range-platelets
