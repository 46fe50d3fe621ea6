Extension: CodeRelation
Id: code-relation
Title: "Relation of codes to the concept"
Description: "How exactly the codes of one part of a ValueSet mean the concept. Without it, they mean it exactly."
Context: ValueSet.compose.include
* insert Published
* value[x] 1..1
* value[x] only code
* value[x] from https://example.org/ir-cds/fhir/ValueSet/code-relations (required)
