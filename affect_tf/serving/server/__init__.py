"""An HTTP server for one exported model, and a page to try it."""
