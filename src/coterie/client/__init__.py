"""What a person's own machine does: connection, logs, store, and the SDK."""
