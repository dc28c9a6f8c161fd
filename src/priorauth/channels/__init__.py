"""How a payer is reached: a channel gets a frozen job, returns observations, and never sees the store."""
