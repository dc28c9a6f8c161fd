"""How domain values are written as documents for others: payer files and FHIR. Pure; knows no store and no web."""
