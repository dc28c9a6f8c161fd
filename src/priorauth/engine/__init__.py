"""Durable work: what happens to a case between two moves of its customer.

A workflow holds nothing but ids; whatever it learns it writes down through a command under a deterministic
observation id. Its steps run again after a crash, so each of them first looks at what is already written.
"""
