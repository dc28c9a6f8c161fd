"""Keeping the data: copies that can be trusted, and the way back from one."""
