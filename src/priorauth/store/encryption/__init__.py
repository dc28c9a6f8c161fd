"""Patients' data at rest: how they are sealed, with which keys, and how keys are exchanged."""
