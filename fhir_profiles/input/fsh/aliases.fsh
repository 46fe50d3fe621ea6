Alias: $SCT = http://snomed.info/sct
Alias: $ICD10CM = http://hl7.org/fhir/sid/icd-10-cm
Alias: $LOINC = http://loinc.org
Alias: $UCUM = http://unitsofmeasure.org
Alias: $ConditionClinical = http://terminology.hl7.org/CodeSystem/condition-clinical
Alias: $ConditionVerification = http://terminology.hl7.org/CodeSystem/condition-ver-status
Alias: $AllergyClinical = http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical
Alias: $AllergyVerification = http://terminology.hl7.org/CodeSystem/allergyintolerance-verification

// Every profile: a definition for use. What is written in braces is filled in from the tables when the package is made.
RuleSet: Published
* ^version = "{release}"
* ^status = #active
* ^experimental = false

// A modifier that the service does not understand may turn a resource into its opposite.
RuleSet: NoModifier
* modifierExtension 0..0
* modifierExtension ^short = "None is understood: a resource with one can't be judged"
