"""How the course draws: SVG, charts, pictures, one palette."""
