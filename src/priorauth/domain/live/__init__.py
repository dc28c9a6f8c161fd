"""What is seen of a session and done in it: grants, views, screens, a human's input. Pure, as all of the domain."""
