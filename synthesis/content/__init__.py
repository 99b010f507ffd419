"""What a synthetic receipt says."""
