"""What codes and embedded invoices say about a receipt, compared with what is printed on it."""
