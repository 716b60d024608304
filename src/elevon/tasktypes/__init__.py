"""The task types that ship: one folder each, strangers to each other, without privilege over anybody else's."""
