"""Which way up a page is and how its lines lean, and how it is set straight."""
