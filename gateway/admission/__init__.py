"""Who may call the gateway and how often: keys, rate limits, idempotency."""
