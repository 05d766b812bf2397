"""The files of results: whole or not at all, the same bytes for the same inputs."""
