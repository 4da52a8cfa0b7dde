"""Why an answer ended, as its attempt says; "stop" is one that ended by itself."""

LENGTH = "length"
"""It was cut off."""
NO_ROOM = "no_room"
"""Its prompt fills the model's window, so that it could not be begun."""
CUT = (LENGTH, NO_ROOM)
