"""The engine: claims what is due, walks runs through their steps, and keeps the journal. Names no plug-in."""
