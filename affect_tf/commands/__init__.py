"""What each mode of the command line does."""
