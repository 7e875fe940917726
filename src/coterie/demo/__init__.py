"""What ``coterie demo`` does: two people talk through a real server, and each promise is put to the test."""
