"""The commands of `quittance`, one module per family; they import what they need when they run."""
