"""Customers' documents: what they are, whether whoever gets them can read them, and in which form they are sent."""
