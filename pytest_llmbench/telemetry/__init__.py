"""What a machine tells about itself: its GPUs and its cores, before and during a measurement."""
