"""Data of panels, as the site's own panel_data.py makes them."""


def make():
    return {"three": 3}
