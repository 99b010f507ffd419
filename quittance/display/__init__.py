"""What the command line shows: messages, tables, progress and drawings."""
