"""What a training is expected to take: memory of a device, time, money and disk, from the numbers of its model and machine alone."""
