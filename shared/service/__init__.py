"""The scaffold that every FastAPI application of the project shares."""
