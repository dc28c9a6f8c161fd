"""What is known of payers' portals beyond any one case. Pure, as all of the domain."""
