"""What ``coterie explain`` does: a handshake, a login and a message in this process, told step by step."""
