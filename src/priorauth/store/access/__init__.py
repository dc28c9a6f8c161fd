"""Access to live sessions at rest: the grants with their views, and what their rights rest on."""
