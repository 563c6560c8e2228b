"""Colors of positive and negative as RGB, 0-255; color-blind people can tell them apart."""

POSITIVE, NEGATIVE = (30, 120, 220), (225, 95, 20)  # on a page, light or dark
# The sign of a hidden unit, which speaks for neither label by itself: purple and green.
UNIT_POSITIVE, UNIT_NEGATIVE = (60, 150, 80), (145, 85, 175)
NEUTRAL = (138, 146, 156)
# Brighter, because most terminals are dark.
TERMINAL_POSITIVE, TERMINAL_NEGATIVE, TERMINAL_NEUTRAL = (60, 140, 255), (240, 110, 30), (140,) * 3


def hex_color(rgb: tuple[int, ...]) -> str:
    """Return a color as CSS and Bokeh write it, such as #1e78dc."""
    return "#{:02x}{:02x}{:02x}".format(*rgb)
