"""The health check of every container: exits with 0 if the service inside is ready, else with 1 and the reason."""

from __future__ import annotations

import http.client
import os
import sys


def main() -> int:
    """Asks /readyz of the service that listens on QUITTANCE_PORT of this container."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["QUITTANCE_PORT"]), timeout=2)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        text = response.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        print(f"It cannot be reached: {error}")
        return 1
    finally:
        connection.close()
    print(text)
    return 0 if response.status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
