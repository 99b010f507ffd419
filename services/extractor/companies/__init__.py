"""Evidence for the company of a receipt beside the network: brands, legal forms, web addresses."""
