"""What a browser is kept apart by: network namespace, user, files, memory, pages; and what of it holds here."""
