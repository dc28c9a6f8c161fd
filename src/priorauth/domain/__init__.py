"""Frozen values and the rules over them.

The domain decides. It does no I/O, imports no framework, and knows neither the time nor chance: both reach it as a
`moment.Moment`. Every function takes values and returns new ones, or raises an error of `errors` and changes nothing.
"""
