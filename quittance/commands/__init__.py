"""The commands of `quittance`, a module for each family; they import what they need when they run."""
