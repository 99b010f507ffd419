"""The choice of the company and the address among the runs of segments of a receipt, with fitted weights."""
