"""The full-screen terminal, on what ``client.api`` answers and nothing beside it."""
