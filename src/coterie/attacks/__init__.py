"""What ``coterie attack`` does: attacks on a server and its people, run here, and what stops each of them."""
