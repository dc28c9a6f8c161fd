#!/opt/priorauth/bin/python -I
"""Exit with 0 when the node beside it answers 200: a container's health check, in an image that has no curl.

priorauth-health [PATH [PORT]]: by default /health at PRIORAUTH_PORT. It asks this container alone, past every proxy.
"""

import http.client
import os
import sys

path, port, *_ = [*sys.argv[1:], *("/health", os.environ.get("PRIORAUTH_PORT", "8080"))[len(sys.argv) - 1 :]]
connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=4)
try:
    connection.request("GET", path)
    status = connection.getresponse().status
except OSError as error:
    sys.exit(f"no answer at port {port}: {error}")
sys.exit(None if status == 200 else f"{path} at port {port} answered {status}")
