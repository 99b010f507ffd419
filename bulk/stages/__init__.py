"""The stages of bulk extraction, each the class of a pool of actors: render, detect, recognize, extract."""
