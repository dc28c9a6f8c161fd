"""The service seen from outside: logs, metrics and traces. It may know what happened, never to whom."""
