"""The examination of an installation: a line for each check, and what to do where something is wrong.

It changes nothing: no key, schema or case is made or mended by it. The one file that it writes it deletes.
"""
