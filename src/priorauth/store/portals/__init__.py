"""What is known of payers' portals beyond any one case, at rest."""
