"""General helpers for files, locks, paths, ports, text and progress."""
