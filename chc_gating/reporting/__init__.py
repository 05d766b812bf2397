"""Pages for a person who must believe or doubt a number."""
