"""A batch as files: configuration, sheets, panels, gates, and their check."""
