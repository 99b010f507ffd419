"""Everything on a receipt beside its four main fields: amounts, items, taxes, facts and checks."""
