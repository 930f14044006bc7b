"""The network with its large products in int8: calibration, and the layers that compute with it."""
