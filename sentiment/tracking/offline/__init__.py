"""Keep what a tracking store can't take now in a queue on disk, and send it later."""
