"""Config groups, composition, and the sentences for what is wrong in them."""
