"""The HTTP API: an edge that judges every request alike, wire shapes, and routes that call one command or query."""
