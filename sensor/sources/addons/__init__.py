"""Programs that run inside other products and write what the sensor reads; each stands alone."""
