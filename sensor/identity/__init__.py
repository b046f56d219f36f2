"""Who: which addresses are ours, who held them when, and which department an account belongs to."""
