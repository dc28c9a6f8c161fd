"""The parts of the submit guard: what an adapter declares, how a request is read, the permit, the hold."""
