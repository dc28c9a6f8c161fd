"""The payer's final boundary: what the service keeps of an authorization for itself, and what counts as proof."""
