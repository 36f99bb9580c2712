"""The masked multitask objective: losses, mixing, tasks."""
