"""Training loops for teachers and students."""
