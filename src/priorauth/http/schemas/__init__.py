"""Wire shapes, one file a noun. Pure: what a request may say and how an answer looks, nothing else."""
