"""The only place that wires everything: settings in, running nodes out, operators' tools beside them."""
