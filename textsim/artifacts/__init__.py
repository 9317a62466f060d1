"""Model folders: written whole, verified when read."""
