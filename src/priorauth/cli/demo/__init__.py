"""The demo: an integrator, the server that it drives, and the people whom it needs."""
