"""Pictures, pages and files that people look at, made from results without the network."""
