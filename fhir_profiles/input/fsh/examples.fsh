// Good examples: each meets every constraint of its profile, the warnings too. The patient is made up and has no name.

Instance: patient
InstanceOf: IrPatient
Usage: #example
Title: "Patient"
Description: "Birth date and administrative gender, which computing eGFR needs."
* birthDate = "1980-05-17"
* gender = #female

RuleSet: OfThePatient
* subject = Reference(patient)

RuleSet: Confirmed
* clinicalStatus = $ConditionClinical#active
* verificationStatus = $ConditionVerification#confirmed

Instance: uterine-fibroid
InstanceOf: IrCondition
Usage: #example
Title: "Uterine fibroid"
Description: "An active, confirmed condition in two code systems, with its onset."
* insert OfThePatient
* insert Confirmed
* code.coding[0] = $SCT#95315005 "Uterine leiomyoma (disorder)"
* code.coding[1] = $ICD10CM#D25.9
* onsetDateTime = "2026-03"

Instance: ended-in-words
InstanceOf: IrCondition
Usage: #example
Title: "An ended condition in words"
Description: "A resolved condition may do without a code: it is not judged."
* insert OfThePatient
* clinicalStatus = $ConditionClinical#resolved
* verificationStatus = $ConditionVerification#confirmed
* code.text = "Heavy bleeding, resolved"
* recordedDate = "2019-06-02"

Instance: contrast-allergy
InstanceOf: IrContrastAllergy
Usage: #example
Title: "Severe reaction to iohexol"
Description: "The agent by code, with a severe reaction."
* patient = Reference(patient)
* clinicalStatus = $AllergyClinical#active
* verificationStatus = $AllergyVerification#confirmed
* criticality = #high
* code = $SCT#395751002 "Iohexol (substance)"
* reaction.manifestation = $SCT#39579001 "Anaphylaxis (disorder)"
* reaction.severity = #severe

Instance: seafood-allergy
InstanceOf: IrAllergy
Usage: #example
Title: "Allergy to shellfish"
Description: "An allergy that is told from one to contrast by its code."
* patient = Reference(patient)
* clinicalStatus = $AllergyClinical#active
* verificationStatus = $AllergyVerification#confirmed
* code = $SCT#735029006 "Shellfish (substance)"

// The profiles of results are made from the tables, so that SUSHI knows none of them but their base.
RuleSet: ResultOf(kind)
* meta.profile = "https://example.org/ir-cds/fhir/StructureDefinition/ir-{kind}-result"
* insert OfThePatient
* status = #final
* effectiveDateTime = "2026-11-20T08:15:00+01:00"

Instance: platelets
InstanceOf: Observation
Usage: #example
Title: "Platelets"
Description: "A count with its unit."
* insert ResultOf(bleeding)
* valueQuantity = 212 '10*9/L' "10*9/L"
* code = $LOINC#777-3 "Platelets [#/volume] in Blood by Automated count"

Instance: platelets-printed-unit
InstanceOf: Observation
Usage: #example
Title: "Platelets with a printed unit"
Description: "The unit as laboratories print it, without a UCUM code."
* insert ResultOf(bleeding)
* code = $LOINC#777-3 "Platelets [#/volume] in Blood by Automated count"
* valueQuantity.value = 212
* valueQuantity.unit = "K/uL"

Instance: platelets-not-done
InstanceOf: Observation
Usage: #example
Title: "Platelets not done"
Description: "A result without a value says why it has none."
* insert ResultOf(bleeding)
* code = $LOINC#777-3 "Platelets [#/volume] in Blood by Automated count"
* dataAbsentReason = http://terminology.hl7.org/CodeSystem/data-absent-reason#not-performed

Instance: inr
InstanceOf: Observation
Usage: #example
Title: "INR"
Description: "INR is a ratio and needs no unit."
* insert ResultOf(bleeding)
* code = $LOINC#6301-6 "INR in Platelet poor plasma by Coagulation assay"
* valueQuantity.value = 1.1

Instance: creatinine
InstanceOf: Observation
Usage: #example
Title: "Creatinine"
Description: "In one of the units that the table converts."
* insert ResultOf(renal)
* valueQuantity = 78 'umol/L' "umol/L"
* code = $LOINC#14682-9 "Creatinine [Moles/volume] in Serum or Plasma"

Instance: egfr
InstanceOf: Observation
Usage: #example
Title: "eGFR above the range of the report"
Description: "A comparator is understood: the value lies above."
* insert ResultOf(renal)
* valueQuantity = 90 'mL/min/{1.73_m2}' "mL/min/{1.73_m2}"
* valueQuantity.comparator = #>
* code = $LOINC#98979-8

Instance: bilirubin
InstanceOf: Observation
Usage: #example
Title: "Bilirubin"
Description: "In one of the units that the table converts."
* insert ResultOf(hepatic)
* valueQuantity = 0.8 'mg/dL' "mg/dL"
* code = $LOINC#1975-2 "Bilirubin.total [Mass/volume] in Serum or Plasma"

Instance: neutrophils
InstanceOf: Observation
Usage: #example
Title: "Neutrophils"
Description: "An absolute count."
* insert ResultOf(hematology)
* valueQuantity = 4.1 '10*9/L' "10*9/L"
* code = $LOINC#751-8 "Neutrophils [#/volume] in Blood by Automated count"

Instance: leukocytes
InstanceOf: Observation
Usage: #example
Title: "Leukocytes"
Description: "From which neutrophils are computed where only a percentage is reported."
* insert ResultOf(hematology)
* valueQuantity = 6.8 '10*9/L' "10*9/L"
* code = $LOINC#6690-2 "Leukocytes [#/volume] in Blood by Automated count"

Instance: neutrophil-fraction
InstanceOf: Observation
Usage: #example
Title: "Neutrophils, percent"
Description: "A percentage of the leukocytes."
* insert ResultOf(hematology)
* valueQuantity = 60 '%' "%"
* code = $LOINC#770-8 "Neutrophils/100 leukocytes in Blood by Automated count"

Instance: cd4
InstanceOf: Observation
Usage: #example
Title: "CD4 cells"
Description: "An absolute count."
* insert ResultOf(hematology)
* valueQuantity = 650 '/uL' "/uL"
* code = $LOINC#24467-3 "CD3+CD4+ (T4 helper) cells [#/volume] in Blood"

Instance: lvef
InstanceOf: Observation
Usage: #example
Title: "Ejection fraction as a range"
Description: "A range is understood: both ends carry the unit."
* insert ResultOf(cardiac)
* code = $LOINC#10230-1 "Left ventricular Ejection fraction"
* valueRange.low = 55 '%' "%"
* valueRange.high = 60 '%' "%"

Instance: nyha
InstanceOf: Observation
Usage: #example
Title: "NYHA class"
Description: "An answer by code."
* insert ResultOf(cardiac)
* code = $LOINC#88020-3 "Functional capacity NYHA"
* valueCodeableConcept = $LOINC#LA28406-9 "NYHA class III"

Instance: pao2
InstanceOf: Observation
Usage: #example
Title: "PaO2"
Description: "In one of the units that the table converts."
* insert ResultOf(respiratory)
* valueQuantity = 11.2 'kPa' "kPa"
* code = $LOINC#2703-7 "Oxygen [Partial pressure] in Arterial blood"

Instance: paco2
InstanceOf: Observation
Usage: #example
Title: "PaCO2"
Description: "In one of the units that the table converts."
* insert ResultOf(respiratory)
* valueQuantity = 41 'mm[Hg]' "mm[Hg]"
* code = $LOINC#2019-8 "Carbon dioxide [Partial pressure] in Arterial blood"

Instance: ecog
InstanceOf: Observation
Usage: #example
Title: "ECOG performance status"
Description: "A score needs no unit."
* insert ResultOf(procedure-risk)
* code = $LOINC#89247-1 "ECOG Performance Status score"
* valueInteger = 1

Instance: fibroid-embolization
InstanceOf: IrOrder
Usage: #example
Title: "Order of an embolization for uterine fibroids"
Description: "The procedure and its reason by code, and the condition as a reference."
* insert OfThePatient
* status = #draft
* intent = #order
* code = https://example.org/ir-cds/fhir/CodeSystem/procedures#uterine-fibroid-embolization "Embolization for uterine fibroids"
* reasonCode = $ICD10CM#D25.9
* reasonReference = Reference(uterine-fibroid)

Instance: local-labs
InstanceOf: ConceptMap
Usage: #example
Title: "Local lab codes to LOINC"
Description: "How a hospital maps its own lab codes; put into a site folder as concept_maps/local-labs.json, it is read."
* url = "https://hospital.example.org/fhir/ConceptMap/local-labs"
* version = "2026.11"
* name = "LocalLabs"
* title = "Local lab codes to LOINC"
* status = #active
* experimental = true
* description = "An example: a local code that means a LOINC code, and one that is none of those that the tables read."
* group.source = "https://hospital.example.org/lab-codes"
* group.target = $LOINC
* group.element[0].code = #PLT
* group.element[0].display = "Platelet count"
* group.element[0].target.code = #777-3
* group.element[0].target.equivalence = #equivalent
* group.element[1].code = #TSH
* group.element[1].display = "Thyrotropin"
* group.element[1].target.equivalence = #unmatched
