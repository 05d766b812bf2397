"""Slide images to cells: read, segment, measure, crop."""
