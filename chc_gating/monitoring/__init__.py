"""Change between draws, trend, alarms and lead time of one patient."""
