"""The film: real programs in a real terminal, recorded, and drawn from what the recording shows."""
