"""One module per subcommand: read, call the rooms below, write."""
