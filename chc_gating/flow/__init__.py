"""FCS files to event streams, the volume they state, and their quality in time."""
