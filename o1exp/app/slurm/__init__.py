"""A study on a Slurm cluster: cut into jobs by what their stages need, submitted, watched, and gone on with."""
