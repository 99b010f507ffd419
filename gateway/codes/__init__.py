"""QR codes and barcodes: find them on pages, and understand what fiscal and payment codes say."""
