"""What things are: panels, gates, events, flags, counts. Numpy and pydantic only; no files."""
