"""Draw what a synthetic receipt says."""
