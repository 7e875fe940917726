"""The server: it stores, orders and delivers ciphertext, and never holds a key, a password or a plaintext."""
