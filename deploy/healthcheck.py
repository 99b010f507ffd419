"""Health check of every container: exit with 0 if the service is ready, otherwise print the reason and exit with 1."""

from __future__ import annotations

import http.client
import os
import sys


def main() -> int:
    """Request /readyz on QUITTANCE_PORT of this container and return the exit status."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["QUITTANCE_PORT"]), timeout=2)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        print(f"The service does not respond: {error}")
        return 1
    finally:
        connection.close()
    print(text)
    return 0 if response.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
