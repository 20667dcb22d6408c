"""The HTTP server of `sept serve`: predictions for programs, people and annotation tools."""
