"""Profile validation: is a resource valid FHIR R4, and does it say what a profile asks for?"""
