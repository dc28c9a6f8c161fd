"""Claims of submissions outside the database, and the comparison by which a restored database is found."""
