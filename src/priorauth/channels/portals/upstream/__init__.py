"""The proxy's connections to portals: how they are opened, how answers are read, why they fail."""
