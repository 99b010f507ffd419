"""How an upload becomes a receipt."""
